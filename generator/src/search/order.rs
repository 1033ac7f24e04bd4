//! Ordering cycles among checks. systemd breaks one by silently leaving out a unit, perhaps the check.

use std::collections::HashMap;

/// What a check orders itself by, in unit names.
pub(crate) struct Node {
    /// Its unit; two for settings of a plugin that may be in both directories.
    pub(crate) units: Vec<String>,
    /// Words of its After= lines; without any, it waits for the boot to settle.
    pub(crate) after: Vec<String>,
    /// Words of its Before= lines.
    pub(crate) before: Vec<String>,
}

/// Our static units as groups that behave alike, each after the one before it; the checks are after
/// the first and before the third group (units/health-check@.service).
const STATIC: [&[&str]; 5] = [
    &[
        "sysinit.target",
        "local-fs.target",
        "basic.target",
        "dbus.service",
    ],
    &["health-check-settle.service"],
    &["health-check.target"],
    &["health-checker.service"],
    &["boot-complete.target"],
];
const EARLY: usize = 0;
const SETTLE: usize = 1;
const TARGET: usize = 2;

/// For each node the cycle that it is part of, as a chain of unit names, or nothing.
pub(crate) fn cycles(nodes: &[Node]) -> Vec<Option<String>> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut names: Vec<&str> = Vec::new();
    for (number, group) in STATIC.iter().enumerate() {
        names.push(group.first().copied().unwrap_or_default());
        numbers.extend(group.iter().map(|unit| (*unit, number)));
    }
    for (index, node) in nodes.iter().enumerate() {
        names.push(node.units.first().map_or("", String::as_str));
        let unit = |unit| (String::as_str(unit), STATIC.len() + index);
        numbers.extend(node.units.iter().map(unit));
    }
    // An edge leads from a unit to one that it is after.
    let mut edges: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
    let statics = edges.iter_mut().take(STATIC.len()).skip(1);
    statics
        .enumerate()
        .for_each(|(before, edges)| edges.push(before));
    for (index, node) in nodes.iter().enumerate() {
        let this = STATIC.len() + index;
        let known = |unit: &String| numbers.get(unit.as_str()).copied();
        // systemd ignores an order of a unit to itself.
        let other = |number: &usize| *number != this;
        edges[this].push(EARLY);
        if node.after.is_empty() {
            edges[this].push(SETTLE);
        }
        edges[this].extend(node.after.iter().filter_map(known).filter(other));
        edges[TARGET].push(this);
        for number in node.before.iter().filter_map(known).filter(other) {
            edges[number].push(this);
        }
    }
    let group = groups(&edges);
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    for number in &group {
        *sizes.entry(*number).or_default() += 1;
    }
    let mut chains: HashMap<usize, String> = HashMap::new();
    (STATIC.len()..names.len())
        .map(|this| {
            let in_cycle = sizes.get(&group[this]).is_some_and(|size| *size > 1);
            let make = || chain(this, &edges, &group, &names);
            in_cycle.then(|| chains.entry(group[this]).or_insert_with(make).clone())
        })
        .collect()
}

/// Units shown of a cycle.
const SHOWN: usize = 8;

/// A way from `this` along its group until a unit comes twice; only the closed part.
fn chain(this: usize, edges: &[Vec<usize>], group: &[usize], names: &[&str]) -> String {
    let mut way = vec![this];
    let mut last = this;
    while let Some(next) = edges[last].iter().find(|next| group[**next] == group[this]) {
        if let Some(begin) = way.iter().position(|number| number == next) {
            way.drain(..begin);
            way.push(*next);
            break;
        }
        way.push(*next);
        last = *next;
    }
    let quoted = |number: &usize| format!("'{}'", names[*number]);
    let mut shown: Vec<String> = way.iter().take(SHOWN).map(quoted).collect();
    if way.len() > SHOWN {
        shown.push("…".to_owned());
    }
    shown.join(" after ")
}

/// Numbers of the strongly connected components (Kosaraju's algorithm), without recursion: a chain may
/// be as long as there are files.
fn groups(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut finished = Vec::new();
    let mut seen = vec![false; edges.len()];
    for start in 0..edges.len() {
        let mut stack = vec![(start, 0)];
        while let Some((node, next)) = stack.pop() {
            if next == 0 && std::mem::replace(&mut seen[node], true) {
                continue;
            }
            match edges[node].get(next) {
                Some(to) => stack.extend([(node, next + 1), (*to, 0)]),
                None => finished.push(node),
            }
        }
    }
    let mut back: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (from, to) in edges.iter().enumerate() {
        to.iter().for_each(|to| back[*to].push(from));
    }
    let mut group = vec![usize::MAX; edges.len()];
    for (number, start) in finished.iter().rev().enumerate() {
        let mut stack = vec![*start];
        while let Some(node) = stack.pop() {
            if group[node] == usize::MAX {
                group[node] = number;
                stack.extend(&back[node]);
            }
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(unit: &str, after: &str, before: &str) -> Node {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Node {
            units: vec![unit.to_owned()],
            after: words(after),
            before: words(before),
        }
    }

    fn in_cycles(nodes: &[Node]) -> Vec<bool> {
        cycles(nodes).iter().map(Option::is_some).collect()
    }

    #[test]
    fn only_the_members_of_a_cycle() {
        let nodes = [
            node("a", "b", ""),
            node("b", "c x.service", ""),
            node("c", "a", ""),
            node("d", "a", ""),
            node("e", "", "a"),
            node("f", "f nginx.service", ""),
        ];
        assert_eq!(in_cycles(&nodes), [true, true, true, false, false, false]);
        assert_eq!(
            cycles(&nodes)[0].as_deref(),
            Some("'a' after 'b' after 'c' after 'a'")
        );
    }

    #[test]
    fn before_is_after_from_the_other_side() {
        let nodes = [node("a", "x", "b"), node("b", "x", "a")];
        assert_eq!(in_cycles(&nodes), [true, true]);
        assert_eq!(
            in_cycles(&[node("a", "x", "b"), node("b", "a", "")]),
            [false, false]
        );
    }

    #[test]
    fn our_own_units_count() {
        for (after, before, cycle) in [
            ("", "", false),
            ("health-check.target", "", true),
            ("boot-complete.target", "", true),
            ("health-check-settle.service", "", false),
            ("", "health-check-settle.service", true),
            ("nginx.service", "health-check-settle.service", false),
            ("", "sysinit.target", true),
            ("x.service", "basic.target", true),
        ] {
            let nodes = [node("a", after, before), node("b", "", "")];
            assert_eq!(in_cycles(&nodes), [cycle, false], "{after} {before}");
        }
    }

    #[test]
    fn two_cycles_leave_what_is_between_them() {
        let nodes = [
            node("a", "health-check.target", ""),
            node("b", "", "health-check-settle.service"),
            node("c", "", ""),
        ];
        assert_eq!(in_cycles(&nodes), [true, true, false]);
    }

    #[test]
    fn a_long_chain_is_no_recursion() {
        let mut nodes: Vec<Node> = (0..20_000)
            .map(|n| node(&format!("u{n}"), &format!("u{}", n + 1), ""))
            .collect();
        assert!(in_cycles(&nodes).iter().all(|cycle| !cycle));
        nodes[19_999].after = vec!["u0".to_owned()];
        assert!(in_cycles(&nodes[19_000..]).iter().all(|cycle| !cycle));
        nodes.drain(300..);
        nodes[299].after = vec!["u0".to_owned()];
        assert!(in_cycles(&nodes).iter().all(|cycle| *cycle));
    }
}
