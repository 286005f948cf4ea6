//! Tiles and entry bundles as static paths (C2SP tlog-tiles). `checkpoint` is in `reading`.

use crate::Node;
use crate::asking::{Parameters, Segments, ask};
use crate::conditional::{Freshness, Kept, OCTETS};
use crate::problem::HttpProblem;
use axum::extract::State;
use axum::response::Response;
use bus::api::{Answer, Query, TILE_WIDTH, TileKind, TileName};

/// Highest level that the path format knows.
const LEVEL_MAX: u8 = 63;

/// `GET /tile/{level}/{index}`.
pub(crate) async fn hashes(
    State(node): State<Node>,
    kept: Kept,
    path: Segments<2>,
    parameters: Parameters,
) -> Result<Response, HttpProblem> {
    let [level, index] = path.0;
    let level = decimal_of(&level)
        .and_then(|level| u8::try_from(level).ok())
        .filter(|level| *level <= LEVEL_MAX)
        .ok_or_else(|| {
            HttpProblem::malformed(
                "level",
                format!("level: expected 0 to {LEVEL_MAX} or `entries`, found {level:?}"),
                "Level 0 holds the leaf hashes; each level above covers 256 times as many.",
            )
        })?;
    tile(&node, &kept, &parameters, TileKind::Hashes(level), &index).await
}

/// `GET /tile/entries/{index}`.
pub(crate) async fn entries(
    State(node): State<Node>,
    kept: Kept,
    path: Segments<1>,
    parameters: Parameters,
) -> Result<Response, HttpProblem> {
    let [index] = path.0;
    tile(&node, &kept, &parameters, TileKind::Entries, &index).await
}

async fn tile(
    node: &Node,
    kept: &Kept,
    parameters: &Parameters,
    kind: TileKind,
    text: &str,
) -> Result<Response, HttpProblem> {
    parameters.allow(&[])?;
    let (index, width) = index_and_width(text).ok_or_else(|| {
        HttpProblem::malformed(
            "tile",
            format!(
                "tile: expected groups of three digits, all but the last with an x before them, \
                 and at most `.p/1` to `.p/255` at the end, found {text:?}"
            ),
            "Write tile 1234067 as x001/x234/067, and its first 5 as x001/x234/067.p/5.",
        )
    })?;
    let name = TileName { kind, index, width };
    match ask(node, Query::Tile(name)).await? {
        Answer::Tile(bytes) => Ok(kept.answer(OCTETS, bytes, Freshness::Immutable)),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// A decimal number as paths write it: without leading zeros.
fn decimal_of(text: &str) -> Option<u64> {
    let number = crate::asking::decimal(text)?;
    (number.to_string() == text).then_some(number)
}

/// Reads `x001/x234/067` or `x001/x234/067.p/5`. Each tile has one spelling.
fn index_and_width(text: &str) -> Option<(u64, u16)> {
    let (index, width) = match text.split_once(".p/") {
        None => (text, TILE_WIDTH),
        Some((index, width)) => {
            let width = decimal_of(width).and_then(|width| u16::try_from(width).ok());
            (index, width.filter(|w| (1..TILE_WIDTH).contains(w))?)
        }
    };
    let groups: Vec<&str> = index.split('/').collect();
    let last = groups.len() - 1;
    let mut number: u64 = 0;
    for (i, group) in groups.iter().enumerate() {
        let digits = if i < last {
            group.strip_prefix('x')?
        } else {
            group
        };
        if digits.len() != 3 || (i == 0 && last > 0 && digits == "000") {
            return None;
        }
        let group = crate::asking::decimal(digits)?;
        number = number.checked_mul(1000)?.checked_add(group)?;
    }
    Some((number, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tile_has_one_spelling() {
        for (text, expected) in [
            ("000", Some((0, 256))),
            ("067", Some((67, 256))),
            ("x001/x234/067", Some((1_234_067, 256))),
            ("x001/000", Some((1000, 256))),
            ("x018/x446/x744/x073/x709/x551/615", Some((u64::MAX, 256))),
            ("067.p/1", Some((67, 1))),
            ("x001/234.p/255", Some((1234, 255))),
            ("x018/x446/x744/x073/x709/x551/616", None),
            ("0", None),
            ("67", None),
            ("1234", None),
            ("001/234", None),
            ("x000/067", None),
            ("x067", None),
            ("067.p/0", None),
            ("067.p/256", None),
            ("067.p/01", None),
            ("067.p/", None),
            ("067.p/1/", None),
            ("067/", None),
            ("+67", None),
            ("", None),
        ] {
            assert_eq!(index_and_width(text), expected, "{text}");
        }
    }
}
