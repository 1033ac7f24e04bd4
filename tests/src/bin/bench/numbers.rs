//! Owns medians, and what is said about the host.

use std::fs;

/// Prints what the numbers depend on.
pub fn print_host() {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |model| {
        model.trim_start_matches(['\t', ':', ' '])
    });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "Host: {model}, {cores} cores, Linux {}, load average {}\n",
        read("/proc/sys/kernel/osrelease").trim(),
        load()
    );
}

/// How many processes wanted to run in the last minute: others on the host make everything slower.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("unknown").to_owned()
}

/// The middle one, the upper of two. Nothing measured is 0.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_middle_of_unsorted_values() {
        assert_eq!(median(&[3.0, 1.0, 9.0]), 3.0);
        assert_eq!(median(&[2.0, 1.0]), 2.0);
        assert_eq!(median(&[]), 0.0);
    }
}
