//! Owns how the story is told: chapters, commands with what they answered, boots, and what was expected of them.

use std::io::{IsTerminal, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use machine::{Boot, Ended};

/// Tells the story, and remembers what the summary needs.
pub struct Narrator {
    start: Instant,
    /// When what is happening now began.
    since: Instant,
    styled: bool,
    boots: Vec<(Option<u64>, Ended, Duration)>,
    expectations: Vec<(String, bool)>,
}

impl Narrator {
    pub fn new() -> Self {
        let now = Instant::now();
        Narrator {
            start: now,
            since: now,
            styled: stdout().is_terminal(),
            boots: Vec::new(),
            expectations: Vec::new(),
        }
    }

    /// Says what is about to be done.
    pub fn chapter(&mut self, title: &str) {
        println!("\n{}\n", self.bold(&format!("=== {title}")));
        self.since = Instant::now();
    }

    /// Explains something, in lines of a readable length.
    pub fn say(&self, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.len() + word.len() >= 100 {
                println!("{line}");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        println!("{line}\n");
    }

    /// Shows a file that was put into the machine.
    pub fn file(&self, path: &str, content: &str) {
        println!("{}", self.bold(&format!("--- {path}")));
        indent(content);
    }

    /// Runs a command inside, shows it and its answer, and says whether it succeeded.
    pub fn run(&self, boot: &Boot, command: &str) -> Result<bool> {
        let prompt = boot
            .snapshot()
            .map_or_else(String::new, |number| format!("snapshot-{number} "));
        println!("{}", self.bold(&format!("{prompt}# {command}")));
        let output = boot.run(["sh", "-c", &format!("{{ {command}; }} 2>&1")])?;
        indent(&String::from_utf8_lossy(&output.stdout));
        Ok(output.status.success())
    }

    /// Tells of a boot, from power-on to the end of everything about health checks.
    pub fn booted(&mut self, boot: &Boot, ended: Ended) {
        let took = self.since.elapsed();
        self.since = Instant::now();
        println!("{}\n", self.boot_line(boot.snapshot(), ended, took));
        self.boots.push((boot.snapshot(), ended, took));
    }

    /// Notes whether the story goes as told.
    pub fn expect(&mut self, what: &str, met: bool) {
        if !met {
            println!("{}\n", self.bold(&format!("NOT AS TOLD: {what}")));
        }
        self.expectations.push((what.to_owned(), met));
    }

    /// The end: which boots there were, how long it took, and whether all went as told, or what broke the story off.
    pub fn summary(&self, broken: Option<&anyhow::Error>) -> ExitCode {
        println!("\n{}\n", self.bold("=== Summary"));
        for (snapshot, ended, took) in &self.boots {
            println!("{}", self.boot_line(*snapshot, *ended, *took));
        }
        println!();
        for (what, met) in &self.expectations {
            println!("{} {what}", if *met { "  yes:" } else { "  NO: " });
        }
        let failed = self.expectations.iter().filter(|(_, met)| !met).count();
        let seconds = self.start.elapsed().as_secs_f64();
        println!();
        if let Some(error) = broken {
            println!("The story broke off, after {seconds:.0} s: {error:#}");
            return ExitCode::FAILURE;
        }
        if failed == 0 {
            println!("The story went as told, in {seconds:.0} s.");
            return ExitCode::SUCCESS;
        }
        println!("{failed} expectations were not met, in {seconds:.0} s.");
        ExitCode::FAILURE
    }

    fn boot_line(&self, snapshot: Option<u64>, ended: Ended, took: Duration) -> String {
        let snapshot = snapshot.map_or("no snapshot".to_owned(), |number| {
            format!("snapshot {number}")
        });
        let ended = match ended {
            Ended::StayedUp => "stays up",
            Ended::Rebooted => "reboots by itself",
            Ended::PoweredOff => "switches itself off",
            Ended::Died => "dies",
        };
        format!(
            "  Booted {}: {ended}, {:.1} s after power-on",
            self.bold(&snapshot),
            took.as_secs_f64()
        )
    }

    fn bold(&self, text: &str) -> String {
        match self.styled {
            true => format!("\x1b[1m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

fn indent(text: &str) {
    for line in text.trim_end().lines() {
        println!("    {}", line.trim_end());
    }
    println!();
}
