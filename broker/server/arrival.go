package server

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// arrival is a connection that has not come in yet. It rests while its client has sent nothing.
type arrival struct {
	conn  *conn
	ctx   context.Context // done when the server stops
	until time.Time       // CONNECT is awaited
	place int32           // in Server.arrivals, guarded by those; 0: none
	begun atomic.Bool     // the client has sent something, or its time is over
}

// arrive lets the connection in once its client sends something.
func (c *conn) arrive() {
	timeout := c.srv.connectTimeout()
	c.arrival.until = time.Now().Add(timeout)
	var err error
	if c.raw, err = c.nc.SyscallConn(); err != nil {
		c.kick(&packet.Error{Detail: err.Error()})
	} else {
		c.srv.arrivals.put(c.arrival, c.srv.steady().Add(timeout).UnixMilli()+1) // rounded up
		if c.watch(); c.watched && c.rest() {
			return
		}
	}
	c.srv.workers.run(c) // who cannot be watched waits
}

// comesIn lets the connection in, or not; false: the caller has it no more.
func (a *arrival) comesIn() bool {
	c := a.conn
	if a.begun.CompareAndSwap(false, true) {
		c.srv.arrivals.put(a, 0)
		_ = c.nc.SetReadDeadline(a.until)
	}
	err := errGone
	if c.kicked.Load() == nil { // else its deadline may just have been overwritten
		if err = c.opens(); err == nil {
			err = c.connect(a.ctx)
		}
	}
	if err != nil {
		c.noteUnshaken(err)
		c.close(err)
		return false
	}
	c.in.patient = false
	_ = c.nc.SetReadDeadline(time.Time{})
	c.startKeepAlive()
	return !c.in.drained || len(c.in.rest) > 0 || c.over.Load() || !c.rest()
}

// opens does what comes before MQTT.
func (c *conn) opens() (err error) {
	if err = c.comesFrom(); err == nil && c.layer != nil {
		err = c.layer.Open()
	}
	return err
}

// slot implements dated.
func (a *arrival) slot() *int32 { return &a.place }

// due implements dated: nothing has come.
func (a *arrival) due(int64) {
	if a.begun.CompareAndSwap(false, true) {
		_ = a.conn.nc.SetReadDeadline(time.Unix(1, 0))
		a.conn.wake()
	}
}
