//! What the checks look at: services good and bad, a web server, file systems, and fakes of what no container has.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use machine::{write_file, write_plugin, write_unit};

/// How long the slow service needs to start.
pub const SLOW: Duration = Duration::from_secs(20);

const SLOW_SERVICE: &str = "[Service]\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'sleep 20; systemd-notify --ready; exec sleep infinity'\n";

/// Starts, and stays for just as long as a quick look takes.
const LATE_CRASH: &str = "[Service]\nExecStart=/bin/sh -c 'sleep 3; exit 1'\n";

/// As k3s without its network: starts, dies, is started again, for ever.
const CRASH_LOOP: &str = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=200ms\nExecStart=/bin/sh -c 'sleep 0.3; exit 1'\n";

const FAILS: &str = "[Service]\nType=oneshot\nExecStart=/bin/false\n";

const WEB: &str = "[Service]\nType=notify\nExecStart=/usr/libexec/web /run/web.pem\n";

/// Somebody without rights under the name, and at the port, of a service that does not run.
const IMPOSTOR: &str = "[Service]\nType=exec\nUser=nobody\nExecStart=/bin/sh -c '/srv/nginx infinity & exec nc -lk 127.0.0.1 8090'\n";

const READ_ONLY: &str = "[Mount]\nWhat=tmpfs\nWhere=/srv/read-only\nType=tmpfs\nOptions=ro\n";

/// Three containers of podman (a machine of ours has no cgroup controllers to give away), made of the machine's own programs: one that is well, one that is sick, and one that
/// was never started.
const PODS: &str = "#!/bin/sh
set -e
options='--network=none --cgroups=disabled --health-interval=disable --health-retries=1 -v /usr:/usr:ro'
program='--rootfs /srv/container /bin/sleep infinity'
podman run --detach --name well --health-cmd /bin/true $options $program
podman run --detach --name sick --health-cmd /bin/false $options $program
podman create --name idle $options $program
podman healthcheck run well
podman healthcheck run sick || test $? -eq 1
";

const PODS_SERVICE: &str =
    "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/libexec/pods\n";

/// Fills a machine.
pub fn furnish(root: &Path) -> Result<()> {
    write_unit(root, "slow.service", SLOW_SERVICE)?;
    write_unit(root, "late-crash.service", LATE_CRASH)?;
    write_unit(root, "crash-loop.service", CRASH_LOOP)?;
    write_unit(root, "fails.service", FAILS)?;
    write_unit(root, "web.service", WEB)?;
    write_unit(root, "impostor.service", IMPOSTOR)?;
    write_unit(root, "srv-read\\x2donly.mount", READ_ONLY)?;
    fs::create_dir_all(root.join("srv/read-only")).context("cannot create '/srv/read-only'")?;
    let program = env!("CARGO_BIN_EXE_web");
    let program = fs::read(program).with_context(|| format!("cannot read '{program}'"))?;
    write_plugin(root, "/usr/libexec", "web", program)?;
    // A service of such a machine may not make keyrings.
    let settings = "[containers]\nkeyring = false\n";
    write_file(
        root,
        "/etc/containers/containers.conf.d/50-test.conf",
        settings,
    )?;
    write_plugin(root, "/usr/libexec", "pods", PODS)?;
    write_unit(root, "pods.service", PODS_SERVICE)?;
    for name in ["usr", "proc", "sys", "dev", "run", "tmp", "etc", "var"] {
        fs::create_dir_all(root.join("srv/container").join(name))
            .with_context(|| format!("cannot create '/srv/container/{name}'"))?;
    }
    for name in ["bin", "lib", "lib64"] {
        symlink(format!("usr/{name}"), root.join("srv/container").join(name))
            .with_context(|| format!("cannot link '/srv/container/{name}'"))?;
    }
    symlink("/bin/sleep", root.join("srv/nginx")).context("cannot link '/srv/nginx'")?;
    write_file(root, "/srv/table.conf", "colour = green\nlegs = 4\n")?;
    write_file(root, "/srv/watchdog/watchdog0/bootstatus", "32\n")?;
    for answer in ["yes", "no"] {
        let script = format!("#!/bin/sh\necho NTPSynchronized={answer}\n");
        write_plugin(root, "/srv", format!("timedatectl-{answer}"), script)?;
    }
    Ok(())
}
