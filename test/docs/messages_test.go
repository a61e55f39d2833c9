// Package docs tests that the pages for users speak of what there is.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(server.Root(), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ours are the messages that a page quotes as those of the programs here: the lines of its
// blocks which are marked so.
func ours(text string) []string {
	var lines []string
	for _, block := range regexp.MustCompile("(?s)```ours\n(.*?)```").FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Split(strings.TrimSuffix(block[1], "\n"), "\n")...)
	}
	return lines
}

// verb is what fmt puts a value in place of.
var verb = regexp.MustCompile(`%[-+ #0]*[0-9]*(\.[0-9]+)?[a-zA-Z]`)

// phrases are what the string literals of the programs' sources can print, as patterns. What
// is shorter than eight letters fits too much.
func phrases(t *testing.T) []*regexp.Regexp {
	t.Helper()
	var found []*regexp.Regexp
	err := filepath.WalkDir(server.Root(), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "bin" || entry.Name() == "test" || strings.HasPrefix(entry.Name(), ".") && len(entry.Name()) > 2):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			var pattern []string
			letters := 0
			for _, part := range verb.Split(text, -1) {
				pattern = append(pattern, regexp.QuoteMeta(part))
				letters += len(part)
			}
			if letters >= 8 {
				found = append(found, regexp.MustCompile(strings.Join(pattern, ".*?")))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// left removes from a line what the phrases print, and the values in quotes. What is left was
// printed by none of them.
func left(line string, phrases []*regexp.Regexp) string {
	kept := []byte(line)
	for _, p := range phrases {
		for _, span := range p.FindAllStringIndex(line, -1) {
			for i := span[0]; i < span[1]; i++ {
				kept[i] = ' '
			}
		}
	}
	rest := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(string(kept), "")
	return strings.TrimFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) })
}

// What a page quotes as our own message is one that the programs print.
func TestQuotedMessagesExist(t *testing.T) {
	quoted := ours(page(t, "troubleshooting.md"))
	if len(quoted) < 5 {
		t.Fatalf("the page quotes %d messages of ours", len(quoted))
	}
	phrases := phrases(t)
	for _, line := range quoted {
		if rest := left(line, phrases); rest != "" {
			t.Errorf("no program prints %q of the message %q", rest, line)
		}
	}
	// So that the test would notice.
	for _, line := range []string{"macvlan-webhook checks pods and the moon", "could not check this Pod's temper", "nothing of the kind"} {
		if left(line, phrases) == "" {
			t.Errorf("%q is taken for a message of the programs", line)
		}
	}
}
