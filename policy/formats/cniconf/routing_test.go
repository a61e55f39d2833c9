package cniconf

import "testing"

func TestHasOwnRoutes(t *testing.T) {
	macvlan := func(ipam string) string { return `{"type":"macvlan","master":"eth1","ipam":` + ipam + `}` }
	for _, tt := range []struct {
		name, config         string
		settled, coordinated bool
	}{
		{"addresses alone", macvlan(`{"type":"whereabouts","range":"10.0.0.0/24","gateway":"10.0.0.1"}`), false, false},
		{"no addresses", macvlan(`{}`), false, false},
		{"an empty list", macvlan(`{"type":"static","routes":[]}`), false, false},
		{"routes", macvlan(`{"type":"static","routes":[{"dst":"0.0.0.0/0"}]}`), true, false},
		{"routes of a chained plugin", chained(`{"type":"tuning"}`), false, false},
		{"sbr", chained(`{"type":"sbr"}`), true, false},
		{"route-override", chained(`{"type":"route-override","addroutes":[{"dst":"10.0.0.0/8"}]}`), true, false},
		{"vrf", chained(`{"type":"vrf","vrfname":"blue"}`), true, false},
		{"coordinator", chained(`{"type":"coordinator","mode":"disable"}`), false, true},
		{"veth", chartStandalone, false, true},
		{"router", chartOverlay, false, true},
		{"a coordinator alone is not chained", `{"type":"coordinator"}`, false, false},
		{"unusable", "{", false, false},
	} {
		n := Compile(Source{Name: "a", Config: tt.config})
		if n.HasOwnRoutes() != tt.settled || n.Coordinated() != tt.coordinated {
			t.Errorf("%s: routes are settled: %t, coordinated: %t", tt.name, n.HasOwnRoutes(), n.Coordinated())
		}
	}
}
