//! The `waypost` binary: everything is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(code) = waypost::private_pg::answer_hidden_command() {
        return code;
    }
    waypost::cli::run(std::env::args_os())
}
