//! GRUB: variables in its environment block, which our part of grub.cfg reads and writes as well.

pub mod block;
mod kernel;

use anyhow::Result;
use health_checks::Root;

use super::command_line::KernelLine;
use super::{BootLoader, Kind, View};
use crate::bootloader::snapshot::SnapshotId;
use block::{Block, Environment, fits};
use kernel::Kernel;

/// Boots that an unjudged default snapshot is granted.
const TRIES: &str = "health_checker_tries";
/// Boots that are left of them. Unset: none is pending.
const LEFT: &str = "health_checker_left";
const GOOD: &str = "health_checker_good";
const SUBVOLUME: &str = "health_checker_good_subvol";
const LINUX: &str = "health_checker_linux";
const INITRD: &str = "health_checker_initrd";
const OPTIONS: &str = "health_checker_options";
/// Said by grub.cfg.
const BOOT: &str = "health-checker.boot";
const TRIAL: &str = "trial";
const FALLBACK: &str = "fallback";

/// See the module.
pub struct Grub {
    /// Below which everything is read.
    pub root: Root,
    /// Its environment.
    pub block: Block,
    /// Of this boot.
    pub command_line: KernelLine,
}

impl BootLoader for Grub {
    fn look(&self, _: Option<u64>) -> View {
        let mut view = View::empty(Kind::Grub);
        let variables = self.block.variables().unwrap_or_else(|error| {
            view.warnings.push(format!("{error:#}"));
            Environment::new()
        });
        let mut number = |name: &str| {
            let text = variables.get(name).filter(|text| !text.is_empty())?;
            let number = text.parse::<u64>().ok();
            if number.is_none() {
                let path = self.block.path().display();
                view.warnings
                    .push(format!("'{name}={text}' in '{path}' is no number"));
            }
            number
        };
        let left = number(LEFT);
        view.fallback = number(GOOD);
        view.tries = left.and_then(|left| u32::try_from(left).ok());
        view.fell_back = self.booted_as(FALLBACK);
        view
    }

    /// Only where GRUB said that this boot counts: one that was chosen by hand decides nothing about the default, and one
    /// that GRUB fell back to stays what is booted until it is known to be good.
    fn mark_judged(&self, tries: u32) -> Result<()> {
        let now = self.block.variables()?;
        let tries = tries.to_string();
        if now.get(TRIES) != Some(&tries) {
            self.block.set(&[(TRIES, &tries)])?;
        }
        if now.contains_key(LEFT) && self.booted_as(TRIAL) {
            self.block.unset(&[LEFT])?;
        }
        Ok(())
    }

    fn mark_good(&self, snapshot: &SnapshotId, subvolume: &str, _: &[SnapshotId]) -> Result<()> {
        let now = self.block.variables()?;
        let exists = |path: &str| self.root.join(path).exists();
        let kernel = Kernel::of(&self.command_line, subvolume, &exists);
        let wanted = wanted(&now, snapshot, subvolume, kernel);
        let news = wanted
            .iter()
            .filter(|(name, value)| now.get(*name) != Some(value));
        let news: Vec<(&str, &str)> = news
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        // What does not belong to this kernel goes first: never an old initrd with a new kernel.
        let old = [LEFT, LINUX, INITRD, OPTIONS].into_iter();
        let old: Vec<&str> = old
            .filter(|name| now.contains_key(*name) && !wanted.contains_key(*name))
            .collect();
        self.block.unset(&old)?;
        self.block.set(&news)
    }

    /// GRUB boots the default subvolume; what it counted belongs to `from`, and so does what it would start there.
    fn set_default(
        &self,
        from: &SnapshotId,
        to: &SnapshotId,
        _: Option<&str>,
        _: &dyn Fn(),
    ) -> Result<Vec<String>> {
        let now = self.block.variables()?;
        let elsewhere = now.get(LEFT).is_some_and(|left| left == "0")
            && now.get(GOOD) != Some(&to.number.to_string());
        match self.count_anew(&now, from, to) {
            // It falls back where it should not.
            Err(error) if elsewhere => Err(error),
            Err(error) => {
                log::error!("GRUB boots {to}, but could not be told of the rollback: {error:#}");
                Ok(vec![format!("GRUB could not be told: {error:#}")])
            }
            done => done,
        }
    }
}

impl Grub {
    fn booted_as(&self, word: &str) -> bool {
        self.command_line.value(BOOT).as_deref() == Some(word)
    }

    fn count_anew(
        &self,
        now: &Environment,
        from: &SnapshotId,
        to: &SnapshotId,
    ) -> Result<Vec<String>> {
        let mut done = Vec::new();
        if now.get(GOOD) == Some(&from.number.to_string()) {
            let of = |number: u64| format!("/{number}/snapshot");
            let subvolume = now.get(SUBVOLUME).map(String::as_str).unwrap_or_default();
            let subvolume = subvolume.replace(&of(from.number), &of(to.number));
            self.unset(now, &[LINUX, INITRD, OPTIONS])?;
            self.block
                .set(&[(GOOD, &to.number.to_string()), (SUBVOLUME, &subvolume)])?;
            done.push(format!("GRUB falls back to {to} from now on"));
        }
        if self.unset(now, &[LEFT])? {
            done.push("GRUB counts from the beginning".to_owned());
        }
        Ok(done)
    }

    /// Whether any of them was set.
    fn unset(&self, now: &Environment, names: &[&str]) -> Result<bool> {
        let set: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| now.contains_key(*name))
            .collect();
        self.block.unset(&set)?;
        Ok(!set.is_empty())
    }
}

/// The variables of a good boot. The block is small, and belongs to others as well: what does not fit is left out, the
/// options first, for grub.cfg has some of its own.
fn wanted(
    now: &Environment,
    snapshot: &SnapshotId,
    subvolume: &str,
    kernel: Kernel,
) -> Environment {
    let mut wanted = Environment::new();
    let mut want = |name: &str, value: Option<String>| {
        wanted.extend(value.map(|value| (name.to_owned(), value)));
    };
    want(GOOD, Some(snapshot.number.to_string()));
    want(
        SUBVOLUME,
        Some(subvolume.trim_start_matches('/').to_owned()),
    );
    want(LINUX, kernel.linux);
    want(INITRD, kernel.initrd);
    want(OPTIONS, kernel.options);
    let others = now.iter().filter(|(name, _)| {
        ![GOOD, SUBVOLUME, LINUX, INITRD, OPTIONS, LEFT].contains(&name.as_str())
    });
    let others: Environment = others
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for too_much in [&[][..], &[OPTIONS], &[LINUX, INITRD]] {
        too_much.iter().for_each(|name| drop(wanted.remove(*name)));
        let mut all = others.clone();
        all.extend(wanted.clone());
        if fits(&all) {
            break;
        }
    }
    wanted
}

#[cfg(test)]
mod tests;
