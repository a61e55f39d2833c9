// Package given makes what tests judge against of objects in YAML or JSON.
package given

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
)

// Objects are those of a file, which may be empty.
func Objects(t testing.TB, text string) []files.Object {
	t.Helper()
	if strings.TrimSpace(text) == "" {
		return nil
	}
	objects, err := files.Read([]string{files.Stdin}, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// Inventory is that of a file. Objects without a namespace are in default.
func Inventory(t testing.TB, text string) *snapshot.Inventory {
	t.Helper()
	inv, err := files.NewInventory("default", Objects(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}
