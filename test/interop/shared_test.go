package interop

import (
	"fmt"
	"testing"
)

// Workers of all versions share a subscription: each message goes to one of them, in turn.
func TestSharedSubscription(t *testing.T) {
	t.Parallel()
	for qos := range 3 {
		t.Run(fmt.Sprintf("QoS%d", qos), func(t *testing.T) {
			b := serve(t, open(t))
			q := fmt.Sprint(qos)
			var workers []subscriber
			for _, version := range versions {
				workers = append(workers, b.subscribe(t, "-V", version, "-q", q, "-t", "$share/workers/jobs/#"))
			}
			all := b.subscribe(t, "-q", q, "-t", "jobs/+")
			for i := range 3 * len(workers) {
				message := fmt.Sprintf("jobs/%d %s 0 job", i, q)
				b.publish(t, "-q", q, "-t", fmt.Sprint("jobs/", i), "-m", "job")
				workers[i%len(workers)].receives(t, message)
				all.receives(t, message)
			}
		})
	}
}

// What a worker that has gone was sent and had not acknowledged is another's.
func TestSharedSubscriptionWorkerGone(t *testing.T) {
	t.Parallel()
	b := serve(t, open(t))
	args := []string{"-V", "mqttv5", "-c", "-x", "3600", "-i", "worker", "-q", "1", "-t", "$share/workers/jobs"}
	b.leave(t, args...)
	for i := range 3 {
		b.publish(t, "-q", "1", "-t", "jobs", "-m", fmt.Sprint("job ", i))
	}
	b.subscribe(t, "-V", "mqttv5", "-q", "1", "-t", "$share/workers/jobs").receives(t, "jobs 1 0 job 0", "jobs 1 0 job 1", "jobs 1 0 job 2")
}
