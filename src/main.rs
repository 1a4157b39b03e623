//! The command `nocturne`, a thin wrapper around the library.

fn main() -> std::process::ExitCode {
    nocturne::cli::main()
}
