package multipart_test

import (
	"slices"
	"testing"

	"docuvault/shared/multipart"
)

func TestPartSize(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, c := range []struct{ size, base, want int64 }{
		{64*mib + 1, 16 * mib, 16 * mib},
		{5 << 30, 16 * mib, 16 * mib},
		{5 << 30, 5 * mib, 5 * mib},
		{10_000 * 5 * mib, 5 * mib, 5 * mib},
		{10_000*5*mib + 1, 5 * mib, 10 * mib},
		{5 << 40, 16 * mib, 1024 * mib},
		{1, 16 * mib, 16 * mib},
	} {
		got := multipart.PartSize(c.size, c.base)
		if got != c.want {
			t.Errorf("PartSize(%d, %d) = %d, want %d", c.size, c.base, got, c.want)
		}
		plan := multipart.Plan{Size: c.size, PartSize: got}
		if plan.Count() > multipart.MaxParts || got < multipart.MinPartSize || got > multipart.MaxPartSize {
			t.Errorf("%d bytes: %d parts of %d", c.size, plan.Count(), got)
		}
	}
}

func TestPartsMakeTheWhole(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{1, 9, 10, 11, 19, 20, 21, 1001} {
		plan := multipart.Plan{Size: size, PartSize: 10}
		var sum int64
		for n := 1; n <= plan.Count(); n++ {
			part := plan.Part(n)
			if part < 1 || part > 10 || part < 10 && n < plan.Count() {
				t.Errorf("size %d: part %d has %d bytes", size, n, part)
			}
			sum += part
		}
		if sum != size {
			t.Errorf("the parts of %d bytes have %d", size, sum)
		}
		for _, n := range []int{-1, 0, plan.Count() + 1} {
			if plan.Part(n) != 0 {
				t.Errorf("size %d has a part %d", size, n)
			}
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	plan := multipart.Plan{Size: 25, PartSize: 10}
	numbers, total := plan.Missing(map[int]int64{1: 10, 2: 9, 3: 5})
	if !slices.Equal(numbers, []int{2}) || total != 1 {
		t.Errorf("got %v, %d", numbers, total)
	}
	if numbers, total = plan.Missing(map[int]int64{1: 10, 2: 10, 3: 5, 4: 1}); len(numbers) != 0 || total != 0 {
		t.Errorf("got %v, %d", numbers, total)
	}
	numbers, total = multipart.Plan{Size: 5000, PartSize: 10}.Missing(nil)
	if len(numbers) != multipart.MaxMissing || total != 500 || numbers[0] != 1 {
		t.Errorf("got %v, %d", numbers, total)
	}
}
