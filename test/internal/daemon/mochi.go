package daemon

// Mochi is the mochi-mqtt of test/bench/peers, in memory; flags are that program's, beside its address.
func Mochi(program, dir string, flags ...string) (*Broker, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	return newBroker(addr, dir, append([]string{program, "-addr", addr}, flags...), nil)
}
