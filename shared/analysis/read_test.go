package analysis

import (
	"testing"

	"docuvault/shared/extract"
	"docuvault/shared/extract/mediatype"
)

// Where bytes are neither read nor drawn though their kind could be, there are
// too many of them.
func TestWhyNothingIsRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sniffed, kind, note string }{
		{mediatype.PDF, mediatype.PDF, extract.NoteTooLarge},
		{mediatype.Text, mediatype.CSV, extract.NoteTooLarge},
		{"image/png", "image/png", extract.NoteTooLarge},
		{"application/zip", "application/zip", extract.NoteUnread},
	} {
		if note := unread(c.sniffed, c.kind); note != c.note {
			t.Errorf("%s: %s", c.kind, note)
		}
	}
}
