package main

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"time"
)

// slow is a RawConn whose writes wait until they are let go.
type slow struct {
	file    *os.File
	entered chan struct{}
	proceed chan struct{}
}

func (s slow) Write(f func(fd uintptr) bool) error {
	s.entered <- struct{}{}
	<-s.proceed
	raw, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Write(f)
}

func (slow) Control(func(uintptr)) error   { return nil }
func (slow) Read(func(uintptr) bool) error { return nil }

// What is queued while somebody writes goes along, and whoever queues after that must flush again: nothing stays behind.
func TestFlushWhileSomebodyWrites(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	s := slow{out, make(chan struct{}), make(chan struct{})}
	c := &conn{raw: s}
	queue := func(payload string) {
		t.Helper()
		if !c.publish([]byte("a"), []byte(payload), 0) {
			t.Errorf("%q: nobody would flush", payload)
		}
	}
	done := make(chan struct{})
	queue("1")
	go func() { c.flush(); close(done) }()
	<-s.entered
	queue("2")
	c.flush() // leaves it to the one who writes
	s.proceed <- struct{}{}
	<-s.entered
	s.proceed <- struct{}{}
	<-done
	queue("3")
	go c.flush()
	<-s.entered
	s.proceed <- struct{}{}

	want := []byte("\x30\x04\x00\x01a1\x30\x04\x00\x01a2\x30\x04\x00\x01a3")
	got := make([]byte, len(want))
	if err := in.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(got); {
		k, err := in.Read(got[n:])
		if err != nil {
			t.Fatalf("after %q: %v", got[:n], err)
		}
		n += k
	}
	if !bytes.Equal(got, want) {
		t.Errorf("came %q, want %q", got, want)
	}
}

// A client that has gone is written nothing, and keeps nobody.
func TestFlushToNobody(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	raw, err := out.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	c := &conn{raw: raw}
	for range 2 {
		c.answer(pingresp<<4, 0)
		c.flush()
		if c.busy || c.out != nil {
			t.Errorf("busy %v, %d bytes left", c.busy, len(c.out))
		}
	}
}

var _ syscall.RawConn = slow{}
