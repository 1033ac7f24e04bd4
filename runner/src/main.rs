//! `health-checker`: judges whether a boot of a transactional system is healthy, and undoes the update if it is not.

mod bootloader;
mod checks;
mod cli;
mod commands;
mod course;
mod deployment;
mod machine;
mod model;
mod policy;
mod services;
mod state;
mod sys;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use health_checks::Root;

use cli::{Cli, Command};
use commands::{bootloader as boot_loader, check, config, history, list, new, status, verify};
use services::{arm, failsafe, run, settle};
use sys::logging;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::init();
    match dispatch(cli.command) {
        Ok(code) => code,
        // `health-checker list | head`: nobody reads on, and that is no failure of ours.
        Err(error)
            if error
                .downcast_ref()
                .is_some_and(|io: &std::io::Error| io.kind() == std::io::ErrorKind::BrokenPipe) =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Option<Command>) -> Result<ExitCode> {
    let root = Root::system();
    // Authors verify what they have not installed yet.
    if !matches!(
        command,
        Some(Command::List { .. } | Command::Verify(_) | Command::Config { .. })
    ) {
        need_root()?;
    }
    match command {
        None => check::all(&root),
        Some(Command::Check { names }) => check::named(&root, &names),
        Some(Command::Status { json }) => status::status(&root, json),
        Some(Command::List { json }) => list::list(&root, json),
        Some(Command::Verify(options)) => verify::verify(&root, &options),
        Some(Command::New(options)) => new::new(&root, &options),
        Some(Command::Config { json }) => config::config(&root, json),
        Some(Command::Bootloader { json, change }) => {
            boot_loader::bootloader(&root, json, change.as_ref())
        }
        Some(Command::History { json }) => history::history(&root, json),
        Some(Command::Reset) => history::reset(&root),
        Some(Command::Run) => run::run(&root),
        Some(Command::Settle { timeout_sec }) => {
            settle::settle(&root, timeout_sec).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Arm) => arm::arm(&root).map(|()| ExitCode::SUCCESS),
        Some(Command::Disarm) => arm::disarm(&root).map(|()| ExitCode::SUCCESS),
        Some(Command::Failsafe { cause }) => {
            failsafe::failsafe(&root, cause).map(|()| ExitCode::SUCCESS)
        }
    }
}

fn need_root() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("this command needs root: try it with 'sudo'");
    }
    Ok(())
}
