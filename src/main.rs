//! The `waypost` binary: everything is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long memory that was freed is kept, in milliseconds: the next batch wants as much again, and pages that were given
/// back in between are cleared by the kernel anew, which was a tenth of a worker's time. After ten seconds without work it
/// goes back.
const KEEP_FREED: std::ffi::c_long = 10_000;
/// `mi_option_purge_delay`, the 16th of `mi_option_e` in mimalloc.h.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

#[expect(unsafe_code, reason = "the allocator's options have no other setter")]
fn keep_freed_memory() {
    // SAFETY: sets a number of the allocator's own, before there is another thread.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, KEEP_FREED) };
}

fn main() -> ExitCode {
    keep_freed_memory();
    if let Some(code) = waypost::private_pg::answer_hidden_command() {
        return code;
    }
    waypost::cli::run(std::env::args_os())
}
