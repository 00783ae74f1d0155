//! Helm charts: reading their files, rendering them with `helm`, packing them reproducibly.
