package status

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Whatever the page on error messages quotes of calls that fail, the verb has advice on.
func TestAdviceOnWhatThePageQuotes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for _, block := range regexp.MustCompile("(?ms)^```\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		for _, line := range strings.Split(block[1], "\n") {
			if !strings.Contains(line, "failed to call webhook: ") && !strings.Contains(line, "could not get REST client: ") && !strings.Contains(line, "x509: ") {
				continue
			}
			quoted++
			if advice(line) == noAdvice {
				t.Errorf("no advice on %q", line)
			}
		}
	}
	if quoted < 8 {
		t.Errorf("the page quotes %d calls that fail", quoted)
	}
	if advice("the moon is full") != noAdvice {
		t.Error("advice on everything")
	}
}
