//! Owns the choice of moments for power cuts, and of what had reached the disk by then.

use std::collections::HashSet;

use super::random::Random;
use super::recording::{Entry, Recording};

/// A gap between two flushes that has nothing new so many times in a row has nothing new at all.
const TRIES: u32 = 200;

/// A block in the log: its entry, and its place there.
pub(super) type Place = (usize, usize);

/// A state that a power cut could have left: everything up to a flush, and some of what was written after it, up to
/// the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How many entries of the log are there for certain; the last of them is a flush.
    pub durable: usize,
    /// How many there are up to the next flush.
    pub until: usize,
    /// The blocks written in between that had reached the disk.
    pub(super) loose: Vec<Place>,
}

/// What was written between two flushes.
struct Gap {
    from: usize,
    to: usize,
    blocks: Vec<Place>,
    /// How often in a row there was nothing new in it.
    tired: u32,
}

impl Recording {
    /// As many different cuts as wanted, or as there are: spread over the whole log, in its order.
    pub fn cuts(&self, wanted: usize, seed: u64) -> Vec<Cut> {
        let mut random = Random::new(seed);
        let mut gaps = self.gaps();
        let mut seen = HashSet::new();
        let mut cuts = Vec::new();
        while cuts.len() < wanted {
            // Gaps with few writes are used up early.
            let awake = gaps.iter_mut().filter(|gap| gap.tired < TRIES);
            let mut turn: Vec<&mut Gap> = awake.collect();
            if turn.is_empty() {
                break;
            }
            // Less than a whole turn is left: some from all over the log.
            while turn.len() > wanted - cuts.len() {
                turn.remove(random.below(turn.len()));
            }
            for gap in turn {
                let loose = some_of(&gap.blocks, &mut random);
                // All of them is the next gap without any.
                if loose.len() == gap.blocks.len() || !seen.insert((gap.from, loose.clone())) {
                    gap.tired += 1;
                    continue;
                }
                gap.tired = 0;
                cuts.push(Cut {
                    durable: gap.from,
                    until: gap.to,
                    loose,
                });
            }
        }
        cuts.sort_by_key(|cut| cut.durable);
        cuts
    }

    /// The end of the recording, nothing lost.
    pub fn end(&self) -> Cut {
        Cut {
            durable: self.entries.len(),
            until: self.entries.len(),
            loose: Vec::new(),
        }
    }

    fn gaps(&self) -> Vec<Gap> {
        let ends: Vec<usize> = std::iter::once(0).chain(self.flushes()).collect();
        let pairs = ends.iter().zip(ends.iter().skip(1));
        let gaps = pairs.map(|(&from, &to)| Gap {
            from,
            to,
            blocks: self.blocks_between(from, to),
            tired: 0,
        });
        gaps.filter(|gap| !gap.blocks.is_empty()).collect()
    }

    fn blocks_between(&self, from: usize, to: usize) -> Vec<Place> {
        let entries = (from..to).filter_map(|at| match &self.entries[at] {
            Entry::Write(blocks) => Some((0..blocks.len()).map(move |block| (at, block))),
            Entry::Flush => None,
        });
        entries.flatten().collect()
    }
}

/// Some of the writes, at random: none, few, half or most of them; as a whole, or block by block.
fn some_of(blocks: &[Place], random: &mut Random) -> Vec<Place> {
    let of_8 = [0, 1, 4, 4, 7][random.below(5)];
    let whole = random.below(2) == 0;
    let (mut last, mut taken) = (None, false);
    let mut take = |entry: usize| {
        if !whole || last != Some(entry) {
            last = Some(entry);
            taken = random.below(8) < of_8;
        }
        taken
    };
    let some = blocks.iter().copied();
    some.filter(|(entry, _)| take(*entry)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::blocks::BLOCK;
    use super::*;

    fn recording(text: &str) -> Recording {
        let write = |number| Entry::Write(vec![(number, Arc::new([0; BLOCK])); 2]);
        let entries = text.chars().zip(0..).map(|(entry, number)| match entry {
            'f' => Entry::Flush,
            _ => write(number),
        });
        Recording {
            entries: entries.collect(),
            file: Arc::new(tempfile::tempfile().unwrap()),
            path: "unused".into(),
        }
    }

    #[test]
    fn cuts_are_different_in_order_and_within_their_gap() {
        let recording = recording("wwfffwwwfwf");
        assert_eq!(recording.size(), (6, 5));
        assert_eq!((recording.last_flush(2), recording.last_flush(4)), (0, 4));
        let cuts = recording.cuts(20, 1);
        assert_eq!(cuts.len(), 20);
        assert_eq!(cuts, recording.cuts(20, 1));
        assert_ne!(cuts, recording.cuts(20, 2));
        assert!(cuts.is_sorted_by_key(|cut| cut.durable));
        for (at, cut) in cuts.iter().enumerate() {
            assert!([(0, 3), (5, 9), (9, 11)].contains(&(cut.durable, cut.until)));
            let inside = |place: &Place| (cut.durable..cut.until).contains(&place.0);
            assert!(cut.loose.iter().all(inside));
            assert!(!cuts[..at].contains(cut));
        }
    }

    #[test]
    fn a_short_log_has_few_cuts() {
        // None, the first or the second block; both is the end.
        assert_eq!(recording("wf").cuts(100, 1).len(), 3);
        assert!(recording("ff").cuts(100, 1).is_empty());
    }
}
