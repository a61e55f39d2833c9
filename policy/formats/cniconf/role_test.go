package cniconf

import "testing"

func annotation(v string) map[string]string { return map[string]string{InstanceTypeAnnotation: v} }
func label(v string) map[string]string      { return map[string]string{UnderlayTypeLabel: v} }

func TestRole(t *testing.T) {
	const instanceType = "annotation v1.multus-underlay-cni.io/instance-type is "
	const noRole = "no annotation, chained plugin, label or name makes it standalone or overlay"
	const nothing = "no annotation, chained plugin, label or name shows what it is"
	tests := []struct {
		name     string
		source   Source
		mode     CoordinatorMode
		role     Role
		evidence Evidence
		detail   string
	}{
		// The annotation, over the chart's history.
		{"calico", Source{Annotations: annotation("default")}, "", RoleDefault, EvidenceAnnotation, instanceType + `"default"`},
		{"macvlan underlay", Source{Annotations: annotation("macvlan_underlay")}, "", RoleStandalone, EvidenceAnnotation, instanceType + `"macvlan_underlay"`},
		{"macvlan standalone", Source{Annotations: annotation("macvlan_standalone")}, "", RoleStandalone, EvidenceAnnotation, instanceType + `"macvlan_standalone"`},
		{"macvlan with a dash", Source{Annotations: annotation("macvlan-standalone")}, "", RoleStandalone, EvidenceAnnotation, instanceType + `"macvlan_standalone"`},
		{"spaces and capitals", Source{Annotations: annotation(" MacVLAN-Overlay\n")}, "", RoleOverlay, EvidenceAnnotation, instanceType + `"macvlan_overlay"`},
		{"macvlan overlay", Source{Annotations: annotation("macvlan_overlay")}, "", RoleOverlay, EvidenceAnnotation, instanceType + `"macvlan_overlay"`},
		{"SR-IOV underlay", Source{Annotations: annotation("sriov_underlay")}, "", RoleStandalone, EvidenceAnnotation, instanceType + `"sriov_underlay"`},
		{"SR-IOV standalone", Source{Annotations: annotation("sriov-standalone")}, "", RoleStandalone, EvidenceAnnotation, instanceType + `"sriov_standalone"`},
		{"SR-IOV overlay, its odd coexist-types ignored", Source{Annotations: map[string]string{
			InstanceTypeAnnotation:                     "sriov_overlay",
			"v1.multus-underlay-cni.io/default-cni":    "true",
			"v1.multus-underlay-cni.io/coexist-types":  `["sriov_overlay"]`,
			"v1.multus-underlay-cni.io/other-cni":      `["sriov_underlay"]`,
			"v1.multus-underlay-cni.io/instance-typo":  "macvlan_underlay",
			"v1.multus-underlay-cni.io/Instance-type ": "macvlan_underlay",
		}}, "", RoleOverlay, EvidenceAnnotation, instanceType + `"sriov_overlay"`},
		{"SR-IOV DPDK", Source{Annotations: annotation("sriov_dpdk")}, "", RoleNeutral, EvidenceAnnotation, instanceType + `"sriov_dpdk"`},
		{"annotation before label and name", Source{
			Name: "macvlan-overlay-vlan0", Annotations: annotation("macvlan_underlay"), Labels: label("overlay"), Config: hostLocal,
		}, "", RoleStandalone, EvidenceAnnotation, instanceType + `"macvlan_underlay"`},
		{"annotation before a coordinator that adapts", Source{Annotations: annotation("macvlan_underlay"), Config: chained(`{"type":"coordinator","mode":"auto"}`)},
			ModeOverlay, RoleStandalone, EvidenceAnnotation, instanceType + `"macvlan_underlay"`},
		{"annotation before the mode of the cluster", Source{Annotations: annotation("macvlan_underlay"), Config: chained(`{"type":"coordinator"}`)},
			ModeOverlay, RoleStandalone, EvidenceAnnotation, instanceType + `"macvlan_underlay"`},
		{"annotation before a coordinator that is off", Source{Annotations: annotation("macvlan_overlay"), Config: chained(`{"type":"coordinator","mode":"disable"}`)},
			ModeOverlay, RoleOverlay, EvidenceAnnotation, instanceType + `"macvlan_overlay"`},
		{"annotation on an unusable config", Source{Annotations: annotation("macvlan_overlay"), Config: chartEmptyIPv4}, "", RoleOverlay, EvidenceAnnotation, instanceType + `"macvlan_overlay"`},
		{"unknown annotation: go on", Source{Annotations: annotation("ipvlan\x1b"), Config: chartOverlay}, "", RoleOverlay, EvidencePlugin, `its chain has the plugin "router"`},

		// The plugin, and a coordinator that names one of the two kinds: the node does what they say.
		{"plugin before annotation, label and name", Source{
			Name: "macvlan-standalone-vlan0", Annotations: annotation("macvlan_underlay"), Labels: label("standalone"), Config: chartOverlay,
		}, "", RoleOverlay, EvidencePlugin, `its chain has the plugin "router"`},
		{"plugin before default", Source{Annotations: annotation("default"), Config: chartStandalone}, "", RoleStandalone, EvidencePlugin, `its chain has the plugin "veth"`},
		{"coordinator overlay before DPDK", Source{Annotations: annotation("sriov_dpdk"), Config: chained(`{"type":"coordinator","mode":"overlay"}`)},
			"", RoleOverlay, EvidenceCoordinator, `its chained coordinator has the mode "overlay"`},
		{"coordinator underlay before the annotation", Source{Annotations: annotation("macvlan_overlay"), Config: generated},
			ModeOverlay, RoleStandalone, EvidenceCoordinator, `its chained coordinator has the mode "underlay"`},
		{"veth", Source{Config: chartStandalone}, "", RoleStandalone, EvidencePlugin, `its chain has the plugin "veth"`},
		{"router", Source{Config: chartOverlay}, "", RoleOverlay, EvidencePlugin, `its chain has the plugin "router"`},
		{"plugin before label and name, which lies", Source{Name: "macvlan-overlay-vlan0", Labels: label("overlay"), Config: chartStandalone}, "", RoleStandalone, EvidencePlugin, `its chain has the plugin "veth"`},
		{"plugin before coordinator", Source{Config: chained(`{"type":"coordinator","mode":"underlay"},{"type":"router"}`)}, "", RoleOverlay, EvidencePlugin, `its chain has the plugin "router"`},
		{"the first of two", Source{Config: chained(`{"type":"veth"},{"type":"router"}`)}, "", RoleStandalone, EvidencePlugin, `its chain has the plugin "veth"`},
		{"veth as the only plugin is not chained", Source{Config: `{"type":"veth"}`}, "", RoleUnknown, EvidenceNone, nothing},
		{"router as the first plugin is not chained", Source{Config: `{"plugins":[{"type":"router"},{"type":"tuning"}]}`}, "", RoleUnknown, EvidenceNone, nothing},

		// The coordinator.
		{"underlay, behind ifacer", Source{Config: generated}, ModeOverlay, RoleStandalone, EvidenceCoordinator, `its chained coordinator has the mode "underlay"`},
		{"overlay", Source{Config: chained(`{"type":"coordinator","mode":"overlay"}`)}, ModeUnderlay, RoleOverlay, EvidenceCoordinator, `its chained coordinator has the mode "overlay"`},
		{"auto", Source{Config: chained(`{"type":"coordinator","mode":"auto"}`)}, ModeUnderlay, RoleAuto, EvidenceCoordinator, `its chained coordinator has the mode "auto"`},
		{"disable, before the name", Source{Name: "macvlan-overlay-1", Config: chained(`{"type":"coordinator","mode":"disable"}`)}, ModeUnderlay, RoleNeutral, EvidenceCoordinator, `its chained coordinator has the mode "disable"`},
		{"no mode, cluster underlay", Source{Config: chained(`{"type":"coordinator"}`)}, ModeUnderlay, RoleStandalone, EvidenceCoordinator, "its chained coordinator names no mode, so the cluster's applies"},
		{"empty mode, cluster overlay", Source{Config: chained(`{"type":"coordinator","mode":""}`)}, ModeOverlay, RoleOverlay, EvidenceCoordinator, "its chained coordinator names no mode, so the cluster's applies"},
		{"no mode, cluster auto", Source{Config: tuned}, ModeAuto, RoleAuto, EvidenceCoordinator, "its chained coordinator names no mode, so the cluster's applies"},
		{"no mode, cluster disable", Source{Config: chained(`{"type":"coordinator"}`)}, ModeDisable, RoleNeutral, EvidenceCoordinator, "its chained coordinator names no mode, so the cluster's applies"},
		{"no mode anywhere", Source{Config: chained(`{"type":"coordinator"}`)}, "", RoleAuto, EvidenceCoordinator, "its chained coordinator names no mode, so the cluster's applies"},
		{"a mode nobody knows says nothing", Source{Config: chained(`{"type":"coordinator","mode":"on"}`)}, ModeOverlay, RoleNeutral, EvidenceNone, noRole},
		{"a coordinator alone is not chained", Source{Config: `{"type":"coordinator","mode":"overlay"}`}, "", RoleUnknown, EvidenceNone, nothing},

		// The label of the oldest charts.
		{"label standalone", Source{Labels: label("standalone"), Config: hostLocal}, "", RoleStandalone, EvidenceLabel, `label daocloud.io.multus/underlay-cni-type is "standalone"`},
		{"label before name", Source{Name: "macvlan-standalone-vlan0", Labels: label("Overlay")}, "", RoleOverlay, EvidenceLabel, `label daocloud.io.multus/underlay-cni-type is "overlay"`},
		{"another label", Source{Labels: label("underlay"), Config: hostLocal}, "", RoleNeutral, EvidenceNone, noRole},

		// The name.
		{"macvlan-standalone", Source{Name: "macvlan-standalone-vlan0", Config: hostLocal}, "", RoleStandalone, EvidenceName,
			`its name begins with "macvlan-standalone"; annotation v1.multus-underlay-cni.io/instance-type on it ("macvlan_underlay" or "macvlan_overlay") would settle it`},
		{"macvlan-overlay", Source{Name: "macvlan-overlay"}, "", RoleOverlay, EvidenceName,
			`its name begins with "macvlan-overlay"; annotation v1.multus-underlay-cni.io/instance-type on it ("macvlan_underlay" or "macvlan_overlay") would settle it`},
		{"sriov-standalone", Source{Name: "sriov-standalone-vlan0"}, "", RoleStandalone, EvidenceName,
			`its name begins with "sriov-standalone"; annotation v1.multus-underlay-cni.io/instance-type on it ("sriov_underlay" or "sriov_overlay") would settle it`},
		{"sriov-overlay", Source{Name: "sriov-overlay-vlan5", Config: "not JSON"}, "", RoleOverlay, EvidenceName,
			`its name begins with "sriov-overlay"; annotation v1.multus-underlay-cni.io/instance-type on it ("sriov_underlay" or "sriov_overlay") would settle it`},
		{"not at the beginning", Source{Name: "my-macvlan-overlay"}, "", RoleUnknown, EvidenceNone, nothing},

		// Nothing.
		{"plain macvlan", Source{Name: "macvlan-vlan0", Config: hostLocal}, "", RoleNeutral, EvidenceNone, noRole},
		{"plain ipvlan", Source{Config: `{"type":"ipvlan"}`}, "", RoleNeutral, EvidenceNone, noRole},
		{"plain SR-IOV", Source{Config: `{"type":"sriov"}`}, "", RoleNeutral, EvidenceNone, noRole},
		{"macvlan behind ifacer", Source{Config: `{"plugins":[{"type":"ifacer"},{"type":"macvlan"}]}`}, "", RoleNeutral, EvidenceNone, noRole},
		{"bridge", Source{Config: `{"type":"bridge"}`}, "", RoleUnknown, EvidenceNone, nothing},
		{"a file on the node", Source{Name: "calico"}, "", RoleUnknown, EvidenceNone, nothing},
		{"unusable", Source{Config: docsTrailingComma}, "", RoleUnknown, EvidenceNone, nothing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := Compile(tt.source)
			if role, evidence := n.Role(tt.mode); role != tt.role || evidence != tt.evidence {
				t.Errorf("Role(%q) = %s, %s, want %s, %s", tt.mode, role, evidence, tt.role, tt.evidence)
			}
			if got := n.EvidenceDetail(); got != tt.detail {
				t.Errorf("EvidenceDetail\n got %s\nwant %s", got, tt.detail)
			}
		})
	}
}

func TestRoleFromName(t *testing.T) {
	tests := []struct {
		name     string
		role     Role
		evidence Evidence
	}{
		{"macvlan-standalone-vlan0", RoleStandalone, EvidenceName},
		{"macvlan-overlay-vlan0", RoleOverlay, EvidenceName},
		{"sriov-standalone-vlan0", RoleStandalone, EvidenceName},
		{"sriov-overlay-vlan0", RoleOverlay, EvidenceName},
		{"sriov-dpdk-vlan0", RoleUnknown, EvidenceNone},
		{"macvlan-vlan0", RoleUnknown, EvidenceNone},
		{"macvlan", RoleUnknown, EvidenceNone},
		{"", RoleUnknown, EvidenceNone},
	}
	for _, tt := range tests {
		if role, evidence := FromName("ns", tt.name).Role(ModeOverlay); role != tt.role || evidence != tt.evidence {
			t.Errorf("FromName(%q).Role = %s, %s, want %s, %s", tt.name, role, evidence, tt.role, tt.evidence)
		}
	}
	if role, evidence := (&Network{}).Role(ModeAuto); role != RoleUnknown || evidence != EvidenceNone {
		t.Errorf("role of the zero Network = %s, %s", role, evidence)
	}
}

func TestContradiction(t *testing.T) {
	inherits := chained(`{"type":"coordinator"}`)
	const underlayButRouter = `annotation v1.multus-underlay-cni.io/instance-type is "macvlan_underlay", which means standalone, ` +
		`but its chain has the plugin "router", which makes it overlay`
	tests := []struct {
		name       string
		annotation string
		config     string
		mode       CoordinatorMode
		want       string
	}{
		{"agree", "macvlan_overlay", chartOverlay, ModeAuto, ""},
		{"annotation standalone, chain overlay", "macvlan-underlay", chartOverlay, ModeAuto, underlayButRouter},
		{"annotation overlay, coordinator underlay", "macvlan_overlay", generated, ModeAuto,
			`annotation v1.multus-underlay-cni.io/instance-type is "macvlan_overlay", which means overlay, ` +
				`but its chained coordinator has the mode "underlay", which makes it standalone`},
		{"through the mode of the cluster", "macvlan_overlay", inherits, ModeUnderlay,
			`annotation v1.multus-underlay-cni.io/instance-type is "macvlan_overlay", which means overlay, ` +
				`but its chained coordinator names no mode, so the cluster's applies, which makes it standalone`},
		{"the mode of the cluster leaves it open", "macvlan_overlay", inherits, ModeAuto, ""},
		{"the mode of the cluster agrees", "macvlan_overlay", inherits, ModeOverlay, ""},
		{"a disabled coordinator opposes nothing", "macvlan_overlay", inherits, ModeDisable, ""},
		{"no annotation", "", chartOverlay, ModeAuto, ""},
		{"no chain", "macvlan_underlay", hostLocal, ModeAuto, ""},
		{"default, chain overlay", "default", chartOverlay, ModeAuto,
			`annotation v1.multus-underlay-cni.io/instance-type is "default", which means the cluster's own network, ` +
				`but its chain has the plugin "router", which makes it overlay`},
		{"DPDK, chain standalone", "sriov-dpdk", chartStandalone, ModeAuto,
			`annotation v1.multus-underlay-cni.io/instance-type is "sriov_dpdk", which means that nothing adjusts routes for it, ` +
				`but its chain has the plugin "veth", which makes it standalone`},
		{"default, coordinator overlay", "default", chained(`{"type":"coordinator","mode":"overlay"}`), ModeUnderlay,
			`annotation v1.multus-underlay-cni.io/instance-type is "default", which means the cluster's own network, ` +
				`but its chained coordinator has the mode "overlay", which makes it overlay`},
		{"default, a coordinator that adapts", "default", chained(`{"type":"coordinator","mode":"auto"}`), ModeUnderlay, ""},
		{"default, through the mode of the cluster", "default", inherits, ModeUnderlay, ""},
		{"DPDK, a coordinator that is off", "sriov_dpdk", chained(`{"type":"coordinator","mode":"disable"}`), ModeUnderlay, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := Compile(Source{Annotations: annotation(tt.annotation), Config: tt.config})
			if got := n.Contradiction(tt.mode); got != tt.want {
				t.Errorf("Contradiction(%q)\n got %s\nwant %s", tt.mode, got, tt.want)
			}
		})
	}
}
