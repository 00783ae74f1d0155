//! No signature in anything that a failing run writes.
