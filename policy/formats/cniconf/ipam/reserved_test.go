package ipam

import (
	"fmt"
	"testing"
)

func TestReserved(t *testing.T) {
	for _, tt := range []struct {
		subnet string
		pods   map[string]string
		want   string
	}{
		{"10.0.0.0/24", nil, "[]"},
		{"10.0.0.0/24", map[string]string{"5": "a/b", "4": "a/b", "6": "a/b", "10": "a/b", "9": "a/b"}, "[{10.0.0.4 10.0.0.6} {10.0.0.9 10.0.0.10}]"},
		{"10.0.0.0/16", map[string]string{"255": "a/b", "256": "a/b"}, "[{10.0.0.255 10.0.1.0}]"},
		{"fd00::/64", map[string]string{"1": "a/b", "9223372036854775807": "a/b"}, "[{fd00::1 fd00::1} {fd00::7fff:ffff:ffff:ffff fd00::7fff:ffff:ffff:ffff}]"},
		{"fd00::8000:0:0:0/60", map[string]string{"9223372036854775807": "a/b"}, "[{fd00::ffff:ffff:ffff:ffff fd00::ffff:ffff:ffff:ffff}]"},
		{"10.0.0.0/24", map[string]string{"": "", "x": "a/b", "-1": "a/b", "99999999999999999999": "a/b", "7": ""}, "[{10.0.0.7 10.0.0.7}]"},
		{"x", map[string]string{"1": "a/b"}, "[]"},
		{"", nil, "[]"},
	} {
		if got := fmt.Sprint(NewReserved(tt.subnet, tt.pods).Taken); got != tt.want {
			t.Errorf("%s %v: %s, want %s", tt.subnet, tt.pods, got, tt.want)
		}
	}
}

func TestReservedBy(t *testing.T) {
	r := NewReserved("10.0.0.0/24", map[string]string{"1": "default/web-7d9f-x2x4k", "2": "default/db-0", "3": "a-b/alone", "4": "default/my-db-0"})
	for _, tt := range []struct {
		namespace, name string
		workload, pod   bool
	}{
		{"default", "web", true, false},
		{"default", "web-7d9f", true, false},
		{"default", "web-7d9f-x2x4k", false, true},
		{"default", "web-7d9f-other", false, true},
		{"default", "db", true, true},
		{"default", "db-1", false, true},
		{"default", "my-db", true, false},
		{"default", "my", true, false},
		{"default", "d", false, false},
		{"a-b", "alone", true, true},
		{"a", "b", false, false},
		{"other", "web", false, false},
	} {
		if got := r.HeldBy(tt.namespace, tt.name); got != tt.workload {
			t.Errorf("a workload %s/%s: %t", tt.namespace, tt.name, got)
		}
		if got := r.HeldBeside(tt.namespace, tt.name); got != tt.pod {
			t.Errorf("a pod %s/%s: %t", tt.namespace, tt.name, got)
		}
	}
}

func TestFull(t *testing.T) {
	for fields, want := range map[string]string{
		`"range":"10.0.0.5-10.0.0.6/24"`:                                      `all 2 addresses of 10.0.0.5-10.0.0.6 are in use (IPPool "10.0.0.0-24")`,
		`"range":"10.0.0.5-10.0.0.5/24"`:                                      `the only address of 10.0.0.5-10.0.0.5 is in use (IPPool "10.0.0.0-24")`,
		`"range":"10.0.0.5-10.0.0.9/24","exclude":["10.0.0.7","10.0.0.8/31"]`: `all 2 addresses of 10.0.0.5-10.0.0.6 are in use (IPPool "10.0.0.0-24")`,
		`"range":"10.0.0.5-10.0.0.7/24"`:                                      "",
		`"range":"10.0.0.5-10.0.0.6/24","network_name":"x"`:                   "",
		`"range":"10.0.0.5-10.0.0.6/25"`:                                      "",
		`"range":"10.0.0.5-10.0.0.6/24","node_slice_size":"/28"`:              "",
		`"range":"10.9.0.0/16","ipRanges":[{"range":"10.0.0.5-10.0.0.6/24"}]`: `all 2 addresses of 10.0.0.5-10.0.0.6 are in use (IPPool "10.0.0.0-24")`,
		`"addresses":[{"address":"10.0.0.5/24"}]`:                             "",
	} {
		got := compileWhereabouts(fields).Full(func(ledger string) *Reserved {
			if ledger != "10.0.0.0-24" {
				return nil
			}
			return NewReserved("10.0.0.0/24", map[string]string{"5": "a/b", "6": "a/b"})
		})
		if got != want {
			t.Errorf("%s: %q, want %q", fields, got, want)
		}
	}
}
