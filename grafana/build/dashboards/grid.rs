//! Where panels go: from left to right in lines that are exactly full, because a gap looks like something that failed to
//! load.

use anyhow::ensure;
use serde::Serialize;

/// Columns of Grafana's grid.
pub const WIDTH: u32 = 24;

/// Where something stands, in columns and rows of the grid.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Place {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// How wide.
    pub w: u32,
    /// How high.
    pub h: u32,
}

/// Places panels of these widths and heights from `top` on, and says where the next row begins.
///
/// # Errors
/// If a line is not full, or its panels differ in height.
pub fn place(sizes: &[(u32, u32)], top: u32) -> anyhow::Result<(Vec<Place>, u32)> {
    let (mut places, mut x, mut y) = (Vec::new(), 0, top);
    let mut height = 0;
    for (index, &(w, h)) in sizes.iter().enumerate() {
        if x == 0 {
            height = h;
        }
        ensure!(h == height, "panel {index} is {h} high, in a line of {height}");
        ensure!(w > 0 && x + w <= WIDTH, "panel {index} ends at column {} of {WIDTH}", x + w);
        places.push(Place { x, y, w, h });
        x += w;
        if x == WIDTH {
            (x, y) = (0, y + h);
        }
    }
    ensure!(x == 0, "the last line is {x} wide, not {WIDTH}");
    Ok((places, y))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn lines_are_full_and_even() {
        let (places, bottom) = place(&[(12, 4), (12, 4), (24, 8)], 1).unwrap();
        let corners: Vec<_> = places.iter().map(|place| (place.x, place.y)).collect();
        assert_eq!((corners, bottom), (vec![(0, 1), (12, 1), (0, 5)], 13));
        for (wrong, sizes) in [
            ("the last line is 12 wide", &[(12, 4)][..]),
            ("ends at column 28", &[(12, 4), (16, 4)]),
            ("is 8 high, in a line of 4", &[(12, 4), (12, 8)]),
        ] {
            let error = place(sizes, 0).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
