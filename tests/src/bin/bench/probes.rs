//! Measures health-probe: as a process, and 50 mixed probes against the same questions asked by shell plugins.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use machine::{Boot, Machine, programs, write_check, write_file, write_plugin, write_unit};

use crate::generator::children_cpu;
use crate::machines;
use crate::numbers::median;

/// CPU time is counted in ticks of 10 ms: only many runs together have a precise one.
const RUNS: usize = 300;

/// Of each question.
const EACH: usize = 10;

/// How often the programs alone are measured in a boot: in its first second the machine is still busy with itself.
const ROUNDS: usize = 3;

/// Where the plugins of the comparison are: not where health-checker finds them.
const COMPARED: &str = "/usr/libexec/compared";

/// The same question twice: as a key of a `.check` file, as arguments of health-probe, and as a line of shell.
const QUESTIONS: [(&str, &str, &str, &str); 5] = [
    (
        "unit",
        "UnitActive=ssh.service\nStableSec=0",
        "unit ssh.service --stable=0",
        "systemctl is-active --quiet ssh.service",
    ),
    (
        "tcp",
        "TcpConnect=127.0.0.1:22",
        "tcp 127.0.0.1:22",
        "nc -z -w 5 127.0.0.1 22",
    ),
    (
        "http",
        "HttpGet=http://localhost/healthz\nHttpBody=systems go",
        "http http://localhost/healthz --body 'systems go'",
        "curl --fail --silent --max-time 5 http://localhost/healthz | grep -q 'systems go'",
    ),
    (
        "file",
        "FileExists=/etc/passwd\nFileContains=^root:",
        "file /etc/passwd --contains ^root:",
        "grep -q ^root: /etc/passwd",
    ),
    (
        "process",
        "ProcessRunning=sshd",
        "process sshd",
        "pgrep -x sshd > /dev/null",
    ),
];

/// Prints both tables.
pub fn measure(repetitions: usize) -> Result<()> {
    println!("## health-probe, in milliseconds per process ({RUNS} runs)\n");
    println!("| probe | from fork to exit, median | CPU time, mean |\n|---|--:|--:|");
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let address = listener.local_addr().context("no address")?.to_string();
    thread::spawn(move || listener.incoming().for_each(drop));
    for arguments in [["tcp", &address], ["file", "/etc/passwd"]] {
        let (wall, cpu) = runs(&arguments)?;
        println!("| {} | {wall:.2} | {cpu:.2} |", arguments[0]);
    }
    println!();
    compare(repetitions)
}

fn runs(arguments: &[&str]) -> Result<(f64, f64)> {
    let program = programs().join("health-probe");
    let mut wall = Vec::new();
    let before = children_cpu()?;
    for _ in 0..RUNS {
        let start = Instant::now();
        let status = Command::new(&program)
            .args(arguments)
            .stdout(Stdio::null())
            .status();
        wall.push(start.elapsed().as_secs_f64() * 1000.0);
        let status = status.with_context(|| format!("cannot run '{}'", program.display()))?;
        if !status.success() {
            bail!("'health-probe {}' failed ({status})", arguments.join(" "));
        }
    }
    Ok((median(&wall), (children_cpu()? - before) / RUNS as f64))
}

/// CPU times of the two kinds, measured as often as each other.
#[derive(Default)]
struct Pair {
    probes: Vec<f64>,
    plugins: Vec<f64>,
}

impl Pair {
    fn print(&self, what: &str) {
        let (probes, plugins) = (median(&self.probes), median(&self.plugins));
        let ratio = plugins / probes;
        println!("| {what} | {probes:.1} | {plugins:.1} | {ratio:.1} |");
    }
}

/// Both kinds in the same boots of the same machine: as units, which the boot ran all at the same time; then the
/// programs alone, one after another.
fn compare(repetitions: usize) -> Result<()> {
    let machine = Machine::builder().with_more_packages().build("probes")?;
    machine.edit(furnish)?;
    let mut units = Pair::default();
    let mut each = QUESTIONS.map(|(name, ..)| (name, Pair::default()));
    let mut alone = Pair::default();
    for _ in 0..repetitions {
        let boot = machines::boot(&machine, "boot-complete.target")?;
        let count = EACH * QUESTIONS.len();
        units
            .probes
            .push(cpu(&boot, "health-check@probe-*.service", count)?);
        units
            .plugins
            .push(cpu(&boot, "health-check@plugin-*.service", count)?);
        for _ in 0..ROUNDS {
            let (mut probes, mut plugins) = (0.0, 0.0);
            for (name, pair) in &mut each {
                let (probe, plugin) = (
                    serial(&boot, "probe", name)?,
                    serial(&boot, "plugin", name)?,
                );
                pair.probes.push(probe);
                pair.plugins.push(plugin);
                (probes, plugins) = (probes + probe, plugins + plugin);
            }
            alone.probes.push(probes);
            alone.plugins.push(plugins);
        }
        boot.poweroff()?;
    }
    println!(
        "## {EACH} of each question, CPU time in milliseconds (median of {repetitions} boots)\n"
    );
    println!("| programs alone | probes | shell plugins | ratio |\n|---|--:|--:|--:|");
    each.iter().for_each(|(name, pair)| pair.print(name));
    alone.print("all 50");
    units.print("all 50 as units");
    println!();
    Ok(())
}

/// Runs one question several times, in a unit, and reads what its own control group had used before and after: what
/// systemd needs to start a unit (about 10 ms) is no cost of the programs.
fn serial(boot: &Boot, kind: &str, name: &str) -> Result<f64> {
    let unit = format!("serial-{kind}-{name}");
    let used = boot.shell(&format!(
        "systemd-run --quiet --pipe --wait --unit={unit} {COMPARED}/{unit}"
    ))?;
    let used: f64 = used.trim().parse().with_context(|| {
        format!("'{unit}' says '{used}' instead of the microseconds that it used")
    })?;
    Ok(used / 1000.0)
}

/// A shell script that runs a command several times and prints the microseconds of CPU time that this took.
fn serial_script(command: &str) -> String {
    format!(
        "#!/bin/sh -e\nwhile IFS=: read -r hierarchy _ group; do [ \"$hierarchy\" != 0 ] || break; done < /proc/self/cgroup\n\
         used() {{ while read -r key value; do [ \"$key\" != usage_usec ] || used=$value; done < \"/sys/fs/cgroup$group/cpu.stat\"; }}\n\
         used; before=$used\n{}used; echo $((used - before))\n",
        command.repeat(EACH)
    )
}

fn furnish(root: &Path) -> Result<()> {
    let web = std::env::current_exe()
        .context("cannot find this program")?
        .with_file_name("web");
    let web = fs::read(&web).with_context(|| {
        format!(
            "cannot read '{}': run 'cargo build --release --bin web'",
            web.display()
        )
    })?;
    write_plugin(root, "/usr/libexec", "web", web)?;
    let unit = "[Service]\nType=notify\nExecStart=/usr/libexec/web /run/web.pem\n";
    write_unit(root, "web.service", unit)?;
    for (name, keys, arguments, shell) in QUESTIONS {
        let plugin = format!("{COMPARED}/{name}");
        let script = format!("#!/bin/sh\ncase $1 in\ncheck) {shell} ;;\nesac\n");
        write_plugin(root, COMPARED, name, script)?;
        for number in 0..EACH {
            write_check(
                root,
                &format!("probe-{name}-{number}"),
                &format!("[Check]\n{keys}\n"),
            )?;
            // As a '.check' file too, so that both kinds run in the same boot under the same conditions.
            let text = format!("[Check]\nExec={plugin} check\n");
            write_check(root, &format!("plugin-{name}-{number}"), &text)?;
        }
        for (kind, command) in [
            ("probe", format!("health-probe {arguments} > /dev/null\n")),
            ("plugin", format!("{plugin} check\n")),
        ] {
            let script = serial_script(&command);
            write_plugin(root, COMPARED, format!("serial-{kind}-{name}"), script)?;
        }
    }
    write_file(root, "/etc/hosts", "127.0.0.1 localhost machine\n")
}

/// CPU time of units as systemd counts it, which must be so many and active.
fn cpu(boot: &Boot, pattern: &str, count: usize) -> Result<f64> {
    let shown = boot.shell(&format!(
        "systemctl show --value --property=CPUUsageNSec --state=active '{pattern}'"
    ))?;
    let times: Vec<f64> = shown
        .lines()
        .filter_map(|line| line.trim().parse::<f64>().ok())
        .collect();
    if times.len() != count {
        bail!(
            "{} units '{pattern}' with a CPU time instead of {count}",
            times.len()
        );
    }
    Ok(times.iter().sum::<f64>() / 1_000_000.0)
}
