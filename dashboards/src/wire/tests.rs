//! Small shapes.

use super::session::{flag_letters, proto_name};
use super::swimlane::{By, Lanes};
use crate::testing::{BUCKET, bucket};
use crate::time::TimeRange;
use tracker::Perspective;

#[test]
fn flags_and_protocols() {
    let cases = [(0x02, "S"), (0x12, "SA"), (0x13, "SAF"), (0x14, "AR"), (0xff, "SAFRPUEC"), (0, "")];
    for (flags, letters) in cases {
        assert_eq!(flag_letters(flags), letters);
    }
    assert_eq!((proto_name(6).as_str(), proto_name(17).as_str(), proto_name(200).as_str()), ("tcp", "udp", "200"));
}

#[test]
fn cells_cover_the_range() {
    for cells in [1, 7, 96, 1000] {
        for length in [1, 999, 61_000, 86_400_000, 90 * 86_400_000] {
            let range = TimeRange { from: BUCKET - length + 1, to: BUCKET + 1 };
            let mut lanes = Lanes::new(By::Overall, range, cells);
            lanes.buckets(&[bucket(Perspective::Edge, 50.0, 0)]);
            let lane = lanes.finish(1);
            let cell = lane.lanes[0].cells[0];
            assert!(lane.from <= range.from && lane.step > 0);
            assert!(cell.t <= BUCKET && BUCKET < cell.t + lane.step, "{cells} {length}");
            assert_eq!((cell.t - lane.from) % lane.step, 0);
            assert!((lane.to - lane.from) / lane.step <= cells as i64 + 1);
        }
    }
}
