package keys

import (
	"container/list"
	"sync"
	"time"

	"docuvault/shared/id"
)

const (
	cacheSize = 1000
	cacheTTL  = 5 * time.Minute
)

// Cache holds unwrapped data keys of at most 1,000 users, each for at most 5
// minutes from when it was unwrapped. It decides nothing: whether a user may do
// something is asked of the database each time. It is safe for concurrent use.
type Cache struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[id.ID]*list.Element
	// Oldest first. Using an entry does not renew it, so this is the order of
	// expiry, and a full cache drops what would expire next.
	order *list.List
	// sweeping says that a timer will look at the oldest entry, so that an
	// idle process lets go too.
	sweeping bool
}

type cached struct {
	user    *User
	expires time.Time
}

// NewCache makes an empty cache with its clock.
func NewCache(now func() time.Time) *Cache {
	return &Cache{now: now, entries: map[id.ID]*list.Element{}, order: list.New()}
}

// Get returns the user's keys if they are here and not too old.
func (c *Cache) Get(user id.ID) (*User, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if e, ok := c.entries[user]; ok {
		return e.Value.(cached).user, true
	}
	return nil, false
}

// Put keeps the user's keys, in place of those it had.
func (c *Cache) Put(u *User) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	c.drop(u.id)
	for c.order.Len() >= cacheSize {
		c.drop(c.order.Front().Value.(cached).user.id)
	}
	c.entries[u.id] = c.order.PushBack(cached{u, c.now().Add(cacheTTL)})
	if !c.sweeping {
		c.sweeping = true
		time.AfterFunc(cacheTTL, c.sweep)
	}
}

// Drop forgets the user's keys.
func (c *Cache) Drop(user id.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(user)
}

// Len returns how many users' keys are held.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

func (c *Cache) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	oldest := c.order.Front()
	if oldest == nil {
		c.sweeping = false
		return
	}
	// At least a second: the injected clock may stand still.
	time.AfterFunc(max(oldest.Value.(cached).expires.Sub(c.now()), time.Second), c.sweep)
}

func (c *Cache) expire() {
	now := c.now()
	for e := c.order.Front(); e != nil && !now.Before(e.Value.(cached).expires); e = c.order.Front() {
		c.drop(e.Value.(cached).user.id)
	}
}

func (c *Cache) drop(user id.ID) {
	if e, ok := c.entries[user]; ok {
		c.order.Remove(e)
		delete(c.entries, user)
	}
}
