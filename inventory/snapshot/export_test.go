package snapshot

// UsersKept is how many pods and workloads a layer keeps as those that may ask for networks.
func UsersKept(l *Layer) int { return len(l.users) }
