//! The command `nocturne`. All of it is in the library.

fn main() -> std::process::ExitCode {
    nocturne::cli::main()
}
