package spiderpool

// NamespacePools are the pools that a namespace names for its pods.
type NamespacePools struct {
	// IPv4 and IPv6 are names or patterns. Spiderpool takes a namespace whose
	// lists are both empty for one that names none.
	IPv4, IPv6 []string
	// Unreadable says that one of the annotations is wrong. Every pod fails
	// that looks for its pools here.
	Unreadable bool
}

// ParseNamespacePools reads [NamespaceIPv4Annotation] and
// [NamespaceIPv6Annotation] from the annotations of a namespace
// (GetNSDefaultPools in pkg/namespacemanager/utils.go).
func ParseNamespacePools(annotations map[string]string) (NamespacePools, []Fault) {
	var pools NamespacePools
	var faults []Fault
	for _, a := range [...]struct {
		key  string
		list *[]string
	}{{NamespaceIPv4Annotation, &pools.IPv4}, {NamespaceIPv6Annotation, &pools.IPv6}} {
		value, ok := annotations[a.key]
		if !ok {
			continue
		}
		r := reading{annotation: a.key, value: value, shape: &namesShape}
		if !decode(&r, a.list) {
			pools.Unreadable = true
		} else if !soundList(*a.list) {
			r.checkList(-1, "", *a.list)
		}
		faults = append(faults, inOrder(r.faults)...)
	}
	return pools, faults
}
