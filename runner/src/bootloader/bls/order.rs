//! The order of boot entries by their names. No I/O.

use std::cmp::Ordering;
use std::iter;

/// Orders names by the versions in them, as boot loaders do (Version Format Specification,
/// <https://uapi-group.org/specifications/specs/version_format_specification/>). Of several entries for one snapshot the last
/// one has the newest kernel. Names that mean the same there are ordered by their bytes: only a name equals itself.
pub fn compare(a: &str, b: &str) -> Ordering {
    pieces(a).cmp(pieces(b)).then_with(|| a.cmp(b))
}

/// The oldest first. Pieces are compared one by one, so that the order is total because this one is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'t> {
    /// `1~rc1` is before `1`.
    Tilde,
    End,
    /// Between version and release.
    Dash,
    /// A patched release.
    Caret,
    /// A point release.
    Dot,
    Letters(&'t str),
    /// Without leading zeros, of any length: more digits are more, the same number of them is ordered as text.
    Number(usize, &'t str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        // Everything else only separates.
        let is_known = |c: char| c.is_ascii_alphanumeric() || "~-^.".contains(c);
        let text = rest?.trim_start_matches(|c| !is_known(c));
        let Some(first) = text.chars().next() else {
            rest = None;
            return Some(Piece::End);
        };
        let is_same = |c: char| match first {
            '0'..='9' => c.is_ascii_digit(),
            'a'..='z' | 'A'..='Z' => c.is_ascii_alphabetic(),
            _ => false,
        };
        let length = text.find(|c| !is_same(c)).unwrap_or(text.len()).max(1);
        let (piece, after) = text.split_at(length);
        rest = Some(after);
        Some(match first {
            '~' => Piece::Tilde,
            '-' => Piece::Dash,
            '^' => Piece::Caret,
            '.' => Piece::Dot,
            '0'..='9' => {
                let digits = piece.trim_start_matches('0');
                Piece::Number(digits.len(), digits)
            }
            _ => Piece::Letters(piece),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each before the next; as systemd's `strverscmp_improved` has it.
    #[test]
    fn versions_in_names() {
        let names = [
            "122.1",
            "123~rc1-1",
            "123",
            "123-a",
            "123-a.1",
            "123-1",
            "123-1.1",
            "123^post1",
            "123.a-1",
            "123.1-1",
            "123a-1",
            "124-1",
            "340282366920938463463374607431768211455",
            "340282366920938463463374607431768211456",
            "1000000000000000000000000000000000000000000000",
        ];
        for (at, a) in names.iter().enumerate() {
            for (other, b) in names.iter().enumerate() {
                assert_eq!(compare(a, b), at.cmp(&other), "{a} {b}");
            }
        }
    }

    #[test]
    fn numbers_in_names_are_numbers() {
        let mut names = [
            "k-6.10.conf",
            "k-6.9.conf",
            "k-6.9-rc1.conf",
            "a.conf",
            "k-6.10.1.conf",
            "k-06.9.conf",
            "k_6.9.conf",
        ];
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(
            names,
            [
                "a.conf",
                "k-6.9-rc1.conf",
                "k-06.9.conf",
                "k-6.9.conf",
                "k-6.10.conf",
                "k-6.10.1.conf",
                "k_6.9.conf",
            ]
        );
    }

    /// xorshift: the same names each time.
    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn the_order_is_total_for_any_names() {
        let words = [
            "0",
            "00",
            "1",
            "01",
            "9",
            "a",
            "B",
            "ab",
            "~",
            "-",
            "^",
            ".",
            "_",
            "+",
            "ü",
            "١",
            "99999999999999999999999999999999999999999",
            "100000000000000000000000000000000000000000",
        ];
        let mut seed = 0x2545_f491_4f6c_dd1d;
        let mut name = || -> String {
            let length = random(&mut seed) % 5;
            (0..length)
                .map(|_| words[(random(&mut seed) % words.len() as u64) as usize])
                .collect()
        };
        for _ in 0..100_000 {
            let (a, b, c) = (name(), name(), name());
            assert_eq!(compare(&a, &b), compare(&b, &a).reverse(), "{a} {b}");
            assert_eq!(compare(&a, &b) == Ordering::Equal, a == b, "{a} {b}");
            if compare(&a, &b) != Ordering::Greater && compare(&b, &c) != Ordering::Greater {
                assert_ne!(compare(&a, &c), Ordering::Greater, "{a} {b} {c}");
            }
        }
    }
}
