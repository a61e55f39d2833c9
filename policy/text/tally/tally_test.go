package tally

import "testing"

func TestFull(t *testing.T) {
	is := func(want byte) func(*byte) bool { return func(b *byte) bool { return *b == want } }
	for _, tt := range []struct {
		kept string
		most int
		// want is the index of the last one of kind a; -1 where there is room.
		want int
	}{
		{"", 1, -1},
		{"b", 1, -1},
		{"a", 1, 0},
		{"a", 2, -1},
		{"abab", 2, 2},
		{"abab", 3, -1},
		{"bbb", 2, -1},
	} {
		kept := []byte(tt.kept)
		last, want := Full(kept, tt.most, is('a')), (*byte)(nil)
		if tt.want >= 0 {
			want = &kept[tt.want]
		}
		if last != want {
			t.Errorf("%q, at most %d: not the one at %d", tt.kept, tt.most, tt.want)
		}
	}
}
