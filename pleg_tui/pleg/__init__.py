"""Pure logic: live state, relist diff, event mapping, the kubelet's cache. No I/O, no clock."""
