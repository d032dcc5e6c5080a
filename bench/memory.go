package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// content is bytes that nobody has, of any size, from one block in memory: the
// first eight bytes of each block differ.
type content struct {
	block []byte
	size  int64
	mark  uint64
}

const blockSize = 1 << 20

var block = func() []byte {
	b := make([]byte, blockSize)
	for i := range b {
		b[i] = byte(i * 2654435761 >> 7)
	}
	return b
}()

// fresh makes content; mark has to be another one each time.
func fresh(size int64, mark int) content { return content{block, size, uint64(mark) << 20} }

// section is the bytes from offset on, which is a whole number of blocks.
func (c content) section(offset, size int64) io.Reader {
	var readers []io.Reader
	for at := offset; at < offset+size; at += blockSize {
		head := binary.BigEndian.AppendUint64(nil, c.mark+uint64(at/blockSize))
		n := min(blockSize, offset+size-at)
		readers = append(readers, io.LimitReader(io.MultiReader(bytes.NewReader(head), bytes.NewReader(c.block[len(head):])), n))
	}
	return io.MultiReader(readers...)
}

func (c content) sum(offset, size int64) []byte {
	h := sha256.New()
	_, _ = io.Copy(h, c.section(offset, size)) // neither fails
	return h.Sum(nil)
}

// announcement is the body of a begin.
func (c content) announcement() map[string]any {
	return map[string]any{"filename": "scan.bin", "content_type": "application/octet-stream", "size": c.size, "sha256": hex.EncodeToString(c.sum(0, c.size))}
}

// instructions is a presigned request.
type instructions struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// begun is the answer to a begin.
type begun struct {
	Document struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	} `json:"document"`
	Upload struct {
		instructions
		Multipart *struct {
			PartSize  int64 `json:"part_size"`
			PartCount int   `json:"part_count"`
		} `json:"multipart"`
	} `json:"upload"`
}

// send sends a section of the content as a presigned request says.
func (i instructions) send(ctx context.Context, c content, offset, size int64) error {
	req, err := http.NewRequestWithContext(ctx, i.Method, i.URL, c.section(offset, size))
	if err != nil {
		return err
	}
	req.ContentLength = size
	for name, value := range i.Headers {
		req.Header.Set(name, value)
	}
	return send(req, http.StatusOK, nil)
}

// store uploads content by begin, put and complete.
func (u *user) store(ctx context.Context, c content, announcement map[string]any) (document string, err error) {
	var begun begun
	if err := u.call(ctx, http.MethodPost, "/v1/uploads", announcement, http.StatusCreated, &begun); err != nil {
		return "", err
	}
	if err := begun.Upload.send(ctx, c, 0, c.size); err != nil {
		return "", err
	}
	return begun.Document.ID, u.call(ctx, http.MethodPost, "/v1/uploads/"+begun.Document.ID+"/complete", nil, http.StatusOK, nil)
}

// apiMemory watches the API's memory while clients send.
func apiMemory(ctx context.Context, b *bench) ([]Figure, error) {
	store, err := b.store(ctx)
	if err != nil {
		return nil, err
	}
	v, err := b.vault(ctx, "memory", store, nil)
	if err != nil {
		return nil, err
	}
	users, err := v.users(ctx, 32)
	if err != nil {
		return nil, err
	}
	if err := v.serve(); err != nil {
		return nil, err
	}
	// The same load with small files first: what the requests themselves need
	// is there then, and what is measured is what bytes add.
	upload := func(size int64, mark int) func(ctx context.Context, client, n int) error {
		return func(ctx context.Context, client, n int) error {
			c := fresh(size, mark+n)
			_, err := users[client].store(ctx, c, c.announcement())
			return err
		}
	}
	if _, err := times(ctx, len(users), 10*len(users), nil, upload(1000, 0)); err != nil {
		return nil, err
	}
	before, err := memoryOf(v.api)
	if err != nil {
		return nil, err
	}
	watch := newWatch(v.api)
	size := pick[int64](b, 64<<20, 64<<10)
	sent, err := times(ctx, len(users), len(users), v.api, upload(size, 1000))
	peak := watch.stop()
	if err != nil {
		return nil, err
	}
	const mib = 1 << 20
	return []Figure{
		{Name: "growth of the API's memory", Value: max(0, float64(peak-before)/mib), Unit: "MiB", Goal: atMost(5),
			Note: fmt.Sprintf("highest while 32 clients send %d KiB each, against after 320 small uploads", size>>10)},
		{Name: "the API's memory before", Value: float64(before) / mib, Unit: "MiB"},
		{Name: "the API's highest memory", Value: float64(peak) / mib, Unit: "MiB"},
		{Name: "bytes sent", Value: float64(size) * float64(sent.n) / mib / sent.took.Seconds(), Unit: "MiB a second", Note: "hashing included"},
	}, nil
}

// watch reads a child's memory again and again.
type watch struct {
	end  chan struct{}
	done sync.WaitGroup
	peak int64
}

func newWatch(c *child) *watch {
	w := &watch{end: make(chan struct{})}
	w.done.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if now, err := memoryOf(c); err == nil {
				w.peak = max(w.peak, now)
			}
			select {
			case <-tick.C:
			case <-w.end:
				return
			}
		}
	})
	return w
}

// stop returns the highest that was seen.
func (w *watch) stop() int64 {
	close(w.end)
	w.done.Wait()
	return w.peak
}
