package verdict

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// What an API server makes of warnings (k8s.io/apiserver, pkg/endpoints/filters/warning.go),
// in characters: when all warnings of a request together have more than 4,096, it cuts each
// at 256 and drops the last ones without a word. One with a control character it drops always.
const (
	// warningLength is how long one warning may be. None is cut then, whatever else warns.
	warningLength = 256
	// warningsLength is how long all may be together. What is left of the 4,096 is for
	// other webhooks.
	warningsLength = 15 * warningLength
	// moreLength is room for the line that says how many there are besides.
	moreLength = 80
)

// Warnings are the lines for kubectl's "Warning:". Each is whole and on one line, and all
// of them fit into what an API server passes on. The most important stand first: those
// that the caller has to say, what becomes of the object's next pods, a mode that does not
// count, what would be refused in another mode, and then the rest.
func (v *Verdict) Warnings(first ...string) []string {
	var relaxed, others []string
	for i := range v.Findings {
		switch f := &v.Findings[i]; {
		case f.Action != Warn || f.Inherited:
		case f.Relaxed:
			relaxed = append(relaxed, f.Warning())
		default:
			others = append(others, f.Warning())
		}
	}
	lines := append(slices.Clone(first), v.inherited(false), v.inherited(true), v.ModeNote)
	return fitting(slices.Concat(lines, relaxed, others))
}

// inherited is one line for all that stood in the object before, since that is not about
// what is being done; empty without any. What the mode relaxes is a line of its own.
func (v *Verdict) inherited(relaxed bool) string {
	var rules []string
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Inherited && f.Relaxed == relaxed && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	if len(rules) == 0 {
		return ""
	}
	clause, way := v.Inherited, explained("RULE")
	if relaxed {
		clause = "in mode enforce, " + clause
	}
	if len(rules) == 1 {
		way = explained(rules[0])
	}
	line := ""
	for most := len(rules); most > 0; most-- {
		line = clause + ": " + quote.Some(rules, most, func(rule string) string { return rule }) + way
		if fits(line) {
			break
		}
	}
	return line
}

// Warning is the finding as one line for kubectl's "Warning:": the rule, the message, and
// the remedy if there is room for it, otherwise the command that prints it.
func (f *Finding) Warning() string {
	head := f.Rule + ": "
	if f.Relaxed {
		head += "would be refused: "
	}
	message := oneLine(f.Text())
	// A remedy of several lines shows what to write, which one line cannot.
	if f.Remedy != "" && !strings.Contains(f.Remedy, "\n") {
		if line := head + message + "; " + oneLine(f.Remedy); fits(line) {
			return line
		}
	}
	for _, way := range []string{explained(f.Rule), explained("RULE")} {
		if said, whole := shortened(message, warningLength-utf8.RuneCountInString(head+way)); whole {
			return head + said + way
		}
	}
	way := explained(f.Rule)
	said, _ := shortened(message, warningLength-utf8.RuneCountInString(head+way))
	return head + said + way
}

// explained is the way to what is said of a rule at length.
func explained(rule string) string { return " (kubectl macvlan explain " + rule + ")" }

// fitting are as many of the lines as all together may be, each once.
func fitting(lines []string) []string {
	var kept []string
	seen := map[string]bool{"": true}
	length, more := moreLength, 0
	for _, line := range lines {
		if seen[line] {
			continue
		}
		seen[line] = true
		line, _ = shortened(oneLine(line), warningLength)
		if length += utf8.RuneCountInString(line); more > 0 || length > warningsLength {
			more++
			continue
		}
		kept = append(kept, line)
	}
	if more > 0 {
		kept = append(kept, "and "+strconv.Itoa(more)+" more: kubectl macvlan check prints them all")
	}
	return kept
}

// shortened says a text with as many characters as there is room for. It leaves out what is
// in brackets, and what is added to a sentence at its end, so that what remains is as true and
// as whole; where that is not enough, it cuts.
func shortened(text string, room int) (said string, whole bool) {
	if utf8.RuneCountInString(text) <= room {
		return text, true
	}
	for _, addition := range []*regexp.Regexp{additions, exactWords} {
		for _, end := range slices.Backward(endsAt(addition, text)) {
			for _, said := range []string{text[:end], withoutAsides(text[:end])} {
				if utf8.RuneCountInString(said) <= room {
					return said, true
				}
			}
		}
	}
	return cut(text, room), false
}

// additions begin what may be left out at the end of a sentence: what stands before is true
// without them, which is not so of "but". What follows a colon says it more exactly; it is
// missed more.
var (
	additions  = regexp.MustCompile(`^(; |, (which|whose|where|so|because|since|and [^0-9]))`)
	exactWords = regexp.MustCompile(`^: `)
)

// endsAt are the offsets, within neither quotes nor brackets, at which an addition begins, and
// the end of the text.
func endsAt(addition *regexp.Regexp, text string) []int {
	var ends []int
	unquoted(text, func(i, depth int) {
		if depth == 0 && strings.IndexByte(";,:", text[i]) >= 0 && addition.MatchString(text[i:]) {
			ends = append(ends, i)
		}
	})
	return append(ends, len(text))
}

// withoutAsides is the text without what is in brackets.
func withoutAsides(text string) string {
	var b strings.Builder
	kept, open, before := 0, 0, 0
	unquoted(text, func(i, depth int) {
		switch {
		case before == 0 && depth == 1:
			open = i
		case before == 1 && depth == 0:
			b.WriteString(strings.TrimSuffix(text[kept:open], " "))
			kept = i + 1
		}
		before = depth
	})
	b.WriteString(text[kept:])
	return b.String()
}

// unquoted calls visit at each byte that is not between double quotes, with the number of
// brackets that are open after it.
func unquoted(text string, visit func(i, depth int)) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
			continue
		case quoted:
			continue
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		}
		visit(i, depth)
	}
}

// cut cuts a text between words where there is a space within the last part.
func cut(text string, room int) string {
	runes := []rune(text)
	if len(runes) <= room {
		return text
	}
	kept := runes[:room-1]
	for i := len(kept) - 1; i > room*3/4; i-- {
		if kept[i] == ' ' {
			kept = kept[:i]
			break
		}
	}
	return string(kept) + "…"
}

// oneLine is a text without what an API server does not pass on: line breaks and other
// control characters, and bytes that are not UTF-8.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

func fits(line string) bool { return utf8.RuneCountInString(line) <= warningLength }
