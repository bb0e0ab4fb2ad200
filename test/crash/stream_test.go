package crash

import (
	"bytes"
	"fmt"
	"strconv"
)

// stream is the messages of one publisher at one QoS: numbered from 0, in one topic, so that their order is kept.
type stream struct {
	name  string // the last level of the topic
	acked []bool // by number: the broker has acknowledged it
}

// prefix is how all streams' topics begin.
const prefix = "crash/"

// next is a new number; the message is not acknowledged.
func (s *stream) next() int {
	s.acked = append(s.acked, false)
	return len(s.acked) - 1
}

func (s *stream) count() (n int) {
	for _, ok := range s.acked {
		if ok {
			n++
		}
	}
	return n
}

// payload is message n's: its number, and up to a kilobyte of nothing.
func payload(n int) []byte {
	return append(strconv.AppendInt(nil, int64(n), 10), bytes.Repeat([]byte{' '}, n*37%1024)...)
}

func number(payload []byte) (int, error) {
	n, err := strconv.Atoi(string(bytes.TrimRight(payload, " ")))
	if err != nil {
		return 0, fmt.Errorf("%w: payload %.40q", errWrong, payload)
	}
	return n, nil
}
