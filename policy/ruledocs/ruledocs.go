// Package ruledocs is what users read about the rules: one text in Markdown for each,
// named after its ID. They stand apart from the code so that whoever writes need not
// read Go, and only those who print them carry them.
//
// A text begins with its title, its group and the first version that has the rule,
// between two lines of dashes. Then it says what is checked and what would happen on the
// node, and under three headings the remedy and an example before and after.
package ruledocs

import (
	"embed"
	"fmt"
	"strings"
)

// Doc is the text about one rule.
type Doc struct {
	// Title is one line without a full stop.
	Title string
	// Group is the heading under which rules are listed.
	Group string
	// Since is the first version that has the rule.
	Since string
	// Text says what is checked and what would happen on the node, in Markdown. Its
	// lines are joined, paragraphs stand apart by an empty line.
	Text string
	// Remedy says what to write instead, in general terms. The remedy of a finding is
	// made of the object's own values.
	Remedy string
	// Wrong and Right are YAML before and after: a pod's annotations, the metadata and
	// spec of a NetworkAttachmentDefinition, or whole objects.
	Wrong, Right string
}

//go:embed *.md
var texts embed.FS

// Read returns the text about a rule. It is an error when there is none, or when it has
// not the form that the package describes.
func Read(id string) (Doc, error) {
	text, err := texts.ReadFile(id + ".md")
	if err != nil {
		return Doc{}, fmt.Errorf("no text about rule %q: add %[1]s.md", id)
	}
	d, err := parse(string(text))
	if err != nil {
		return Doc{}, fmt.Errorf("%s.md: %w", id, err)
	}
	return d, nil
}

// IDs are those of all rules that there is a text about.
func IDs() ([]string, error) {
	entries, err := texts.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, strings.TrimSuffix(e.Name(), ".md"))
	}
	return ids, nil
}

// parse reads a text in the form that the package describes.
func parse(text string) (Doc, error) {
	var d Doc
	head, body, found := strings.Cut(strings.TrimPrefix(text, "---\n"), "\n---\n")
	if !found || !strings.HasPrefix(text, "---\n") {
		return d, fmt.Errorf("title, group and since are expected between two lines of ---")
	}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "title":
			d.Title = value
		case "group":
			d.Group = value
		case "since":
			d.Since = value
		default:
			return d, fmt.Errorf("%q: title, group or since is expected", key)
		}
	}
	sections := strings.Split(body, "\n## ")
	if len(sections) != 4 {
		return d, fmt.Errorf("%d sections: the headings Remedy, Wrong and Right are expected, each once", len(sections)-1)
	}
	d.Text = joined(sections[0])
	for n, heading := range []string{"Remedy", "Wrong", "Right"} {
		content, ok := strings.CutPrefix(sections[n+1], heading+"\n")
		if !ok {
			return d, fmt.Errorf("heading %d: %q is expected", n+1, heading)
		}
		var err error
		switch heading {
		case "Remedy":
			d.Remedy = joined(content)
		case "Wrong":
			d.Wrong, err = fenced(content)
		case "Right":
			d.Right, err = fenced(content)
		}
		if err != nil {
			return d, fmt.Errorf("%s: %w", heading, err)
		}
	}
	return d, nil
}

// joined are the paragraphs of a text, each on one line.
func joined(text string) string {
	paragraphs := strings.Split(strings.TrimSpace(text), "\n\n")
	for n, p := range paragraphs {
		paragraphs[n] = strings.ReplaceAll(p, "\n", " ")
	}
	return strings.Join(paragraphs, "\n\n")
}

// fenced is the content of a block of YAML.
func fenced(text string) (string, error) {
	content, opened := strings.CutPrefix(strings.TrimSpace(text), "```yaml\n")
	content, closed := strings.CutSuffix(content, "```")
	if !opened || !closed || content == "" {
		return "", fmt.Errorf("one block of yaml is expected")
	}
	return content, nil
}
