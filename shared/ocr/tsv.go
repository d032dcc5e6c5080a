package ocr

import (
	"strconv"
	"strings"
)

// The columns of tesseract's table (its doc/tesseract.1, "tsv"): which level a row
// is of, where it stands, and for a word (level 5) how sure the program is.
const (
	columnLevel      = 0
	columnBlock      = 2
	columnParagraph  = 3
	columnLine       = 4
	columnConfidence = 10
	columnText       = 11
	columns          = 12
	levelWord        = "5"
)

// words puts the words of the table together again, without those that the
// program guessed.
func words(table string) string {
	var text strings.Builder
	var line, paragraph string
	var kept, dropped int
	var sum float64
	for row := range strings.SplitSeq(table, "\n") {
		field := strings.SplitN(row, "\t", columns)
		if len(field) < columns || field[columnLevel] != levelWord {
			continue
		}
		word := strings.TrimSpace(field[columnText])
		confidence, err := strconv.ParseFloat(field[columnConfidence], 64)
		if word == "" || err != nil {
			continue
		}
		if confidence < sure {
			dropped++
			continue
		}
		kept++
		sum += confidence
		inParagraph := field[columnBlock] + "." + field[columnParagraph]
		inLine := inParagraph + "." + field[columnLine]
		switch {
		case text.Len() == 0:
		case inParagraph != paragraph:
			text.WriteString("\n\n")
		case inLine != line:
			text.WriteByte('\n')
		default:
			text.WriteByte(' ')
		}
		text.WriteString(word)
		line, paragraph = inLine, inParagraph
	}
	if kept < dropped || sum < surePage*float64(kept) {
		return ""
	}
	return text.String()
}
