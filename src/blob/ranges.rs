//! Which pages of a blob hold anything.

use std::ops::Range;

use azure_core::http::XmlFormat;
use azure_storage_blob::models::{HttpRange, PageBlobClientListPageRangesOptions, PageList};
use futures_util::TryStreamExt as _;

use super::call::if_match;
use super::{BlobError, BlobErrorKind, Condition, PageBlob, Right};
use crate::oci::Job;
use crate::oci::registry::Class;

/// A page of the list has up to 10,000 ranges (REST reference, "Get Page Ranges") of some hundred bytes.
const LIST_LIMIT: usize = 16 * 1024 * 1024;
/// More ranges than this are not kept (256 MiB of them): a disk of 1 TiB with every second 64 KiB written has half as many.
const MOST_RANGES: usize = 1 << 24;
/// So many pages of the list in a row may be empty.
const MOST_EMPTY: u32 = 1000;

impl PageBlob {
    /// The ranges that hold pages, sorted, neighbours joined, cut at the ends of `within`; all pages of the list are read.
    /// Needs the right to read.
    pub async fn page_ranges(
        &self,
        within: Option<Range<u64>>,
        condition: &Condition,
        job: &Job,
    ) -> Result<Vec<Range<u64>>, BlobError> {
        const DOING: &str = "list the pages of";
        if within.as_ref().is_some_and(Range::is_empty) {
            return Ok(Vec::new());
        }
        let options = PageBlobClientListPageRangesOptions {
            if_match: if_match(condition),
            lease_id: condition.lease.clone(),
            range: within
                .clone()
                .map(|range| HttpRange::new(range.start, range.end - range.start)),
            ..Default::default()
        };
        let mut ask = self.ask(DOING, &[Right::Read], Class::Small);
        ask.limit = LIST_LIMIT;
        let mut joined = Joined::default();
        let kept = &mut joined;
        let called = self
            .call(ask, job, |client| async move {
                let mut pages = client.page_blob_client().list_page_ranges(Some(options))?;
                while let Some(page) = pages.try_next().await? {
                    let list: PageList = azure_core::http::Response::<PageList, XmlFormat>::into_model(page)?;
                    let bounds = list.page_ranges.iter().map(|range| (range.start, range.end));
                    if let Err(why) = kept.add(bounds) {
                        return Ok(Err(why));
                    }
                }
                Ok(Ok(()))
            })
            .await;
        called
            .result?
            .map_err(|why| self.error(DOING, BlobErrorKind::Corrupt, why))?;
        let Some(within) = within else {
            return Ok(joined.ranges);
        };
        let cut = |range: &Range<u64>| range.start.max(within.start)..range.end.min(within.end);
        Ok(joined
            .ranges
            .iter()
            .map(cut)
            .filter(|range| !range.is_empty())
            .collect())
    }
}

/// Ranges as they come, in order, neighbours joined.
#[derive(Default)]
struct Joined {
    ranges: Vec<Range<u64>>,
    empty: u32,
}

impl Joined {
    /// Takes in one page of the list: first and last byte of each range.
    fn add(&mut self, page: impl Iterator<Item = (Option<i64>, Option<i64>)>) -> Result<(), String> {
        self.empty += 1;
        if self.empty > MOST_EMPTY {
            return Err("the list has no end".into());
        }
        for (start, last) in page {
            self.empty = 0;
            let bound = |end: Option<i64>| end.and_then(|end| u64::try_from(end).ok());
            let (Some(start), Some(last)) = (bound(start), bound(last)) else {
                return Err("a range without its bounds".into());
            };
            let end = last.saturating_add(1);
            let before = self.ranges.last().map_or(0, |range| range.end);
            if end <= start || start < before {
                return Err(format!("the range {start}-{last} is not behind {before}"));
            }
            let full = self.ranges.len() >= MOST_RANGES;
            match self.ranges.last_mut() {
                Some(neighbour) if neighbour.end == start => neighbour.end = end,
                _ if full => return Err(format!("more than {MOST_RANGES} ranges")),
                _ => self.ranges.push(start..end),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::single_range_in_vec_init, reason = "lists of one range")]

    use super::*;

    fn list(ranges: &[(i64, i64)]) -> impl Iterator<Item = (Option<i64>, Option<i64>)> {
        ranges.iter().map(|(start, last)| (Some(*start), Some(*last)))
    }

    #[test]
    fn neighbours_are_joined_over_pages_and_disorder_is_an_error() {
        let mut joined = Joined::default();
        assert_eq!(joined.add(list(&[(0, 511), (512, 1023)])), Ok(()));
        assert_eq!(joined.add(list(&[(1024, 1535), (4096, 4607)])), Ok(()));
        assert_eq!(joined.ranges, [0..1536, 4096..4608]);
        for wrong in [(4096, 4607), (0, 511), (9000, 8000), (-512, -1)] {
            assert!(joined.add(list(&[wrong])).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_list_without_end_is_given_up() {
        let mut joined = Joined::default();
        assert!((0..2000).any(|_| joined.add(list(&[])).is_err()));
    }
}
