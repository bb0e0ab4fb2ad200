package daemon

// Bare is the relay of test/bench/bare, which keeps nothing.
func Bare(program, dir string) (*Broker, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	return newBroker(addr, dir, []string{program, "-addr", addr}, nil)
}
