package feed

// Query and Epoch are what tests look at.
const Query = query

// Cursor makes a cursor past every check.
func Cursor(epoch, xid string, entry, at int64) string { return cursor{epoch, xid, entry, at}.String() }

// Parse reads one.
func Parse(s string) (epoch, xid string, entry, at int64, err error) {
	c, err := parse(s)
	return c.Epoch, c.XID, c.ID, c.At, err
}
