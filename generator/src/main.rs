//! The generator: turns plugins and `.check` files into units before systemd reads them (systemd.generator(7)).

mod arguments;
mod generate;
mod guard;
mod kmsg;

use std::process::ExitCode;
use std::sync::Arc;

use arguments::{Request, parse};
use guard::Guard;
use health_checks::Root;
use kmsg::{Level, Log};

const HELP: &str = "\
Usage: health-checker-generator [--root DIR] NORMAL [EARLY LATE]
       health-checker-generator --dry-run [--root DIR]

Turns the plugins in /usr/libexec/health-checker and /usr/local/libexec/health-checker,
and the files NAME.check in /etc/health-checker/checks.d, /run/health-checker/checks.d and
/usr/lib/health-checker/checks.d into systemd units. systemd calls it at boot and at every
daemon-reload.

      --dry-run   print what would be written instead, and on stderr what is ignored
      --root DIR  look for all files and the kernel command line below DIR
      --help      print this text
      --version   print the version
";

fn main() -> ExitCode {
    let request = match parse(std::env::args_os().skip(1)) {
        Ok(request) => request,
        Err(text) => {
            eprintln!("health-checker-generator: {text}; see --help");
            return ExitCode::from(2);
        }
    };
    match request {
        Request::Help => generate::print(HELP),
        Request::Version => generate::print(concat!(env!("CARGO_PKG_VERSION"), "\n")),
        Request::DryRun { root } => generate::dry_run(&root.map_or_else(Root::system, Root::at)),
        Request::Generate { root, normal } => {
            let root = root.map_or_else(Root::system, Root::at);
            let log = Arc::new(Log::kernel(&root));
            let guard = Guard::start(Arc::clone(&log));
            guard.run(|| match generate::reason_for_nothing(&root, &guard) {
                Some(reason) => {
                    log.say(Level::Debug, &format!("nothing to do: {reason}"));
                    ExitCode::SUCCESS
                }
                None => generate::generate(&root, &normal, &log, &guard),
            })
        }
    }
}
