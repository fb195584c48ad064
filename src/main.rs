//! The `waypost` binary: everything is in the library.

fn main() -> std::process::ExitCode {
    if let Some(code) = waypost::private_pg::answer_hidden_command() {
        return code;
    }
    std::process::ExitCode::SUCCESS
}
