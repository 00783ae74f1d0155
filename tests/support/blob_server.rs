//! Page blobs over sockets with faults: what the emulator cannot do.
