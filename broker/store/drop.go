package store

import "fmt"

// CheckDrop is for backends: an error unless drop ascends, has no empty or overlapping ranges, and is below at.
func CheckDrop(drop []Range, at uint64) error {
	from := uint64(0)
	for _, r := range drop {
		if r.From < from || r.From >= r.To {
			return fmt.Errorf("drop [%d, %d) does not ascend", r.From, r.To)
		}
		from = r.To
	}
	if from > at {
		return fmt.Errorf("drop [%d, %d) is not below %d", drop[len(drop)-1].From, from, at)
	}
	return nil
}
