package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// usualWidth is that of a terminal that does not tell its own, and of what is read
// elsewhere: in a file or a CI job's log.
const usualWidth = 80

// widthOf is how many columns the reader of a file has. COLUMNS comes first, as in other
// programs.
func widthOf(file *os.File) int {
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
		return columns
	}
	return usualWidth
}

// page wraps what is written to it. A call writes whole lines.
type page struct {
	out   io.Writer
	width int
}

func (p page) Write(text []byte) (int, error) {
	var wrapped strings.Builder
	for line := range strings.Lines(string(text)) {
		for _, row := range wrap(strings.TrimSuffix(line, "\n"), p.width) {
			wrapped.WriteString(strings.TrimRight(row, " ") + "\n")
		}
	}
	if _, err := io.WriteString(p.out, wrapped.String()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// verbatim is where a line begins that is meant to be copied: a value or a command. All
// others are prose.
const verbatim = "    "

// wrap breaks a line of prose at spaces into rows of at most so many columns, as far in as
// the line. What offers no place to break stays in one piece, however long.
func wrap(line string, width int) []string {
	if strings.HasPrefix(line, verbatim) {
		return []string{line}
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	var rows []string
	row, empty := indent, true
	for word := range strings.SplitSeq(strings.TrimLeft(line, " "), " ") {
		space := " "
		if empty {
			space = ""
		}
		if !empty && utf8.RuneCountInString(row+space+word) > width {
			rows = append(rows, row)
			row, space = indent, ""
		}
		row, empty = row+space+word, false
	}
	return append(rows, row)
}
