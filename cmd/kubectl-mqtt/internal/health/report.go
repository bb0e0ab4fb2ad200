package health

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// Severities of a problem.
const (
	Error   = "Error"
	Warning = "Warning"
)

// Facts are what a report is made of. What is not known is nil.
type Facts struct {
	Name        string // how messages call the broker
	Overview    *api.Overview
	Unreachable error            // why there is no Overview
	Broker      *v1alpha1.Broker // nil: there is no cluster
	Users       []v1alpha1.User
	ACLs        []v1alpha1.ACL
	Pods        []corev1.Pod
	Partial     []string // what could not be looked at
	Now         time.Time
}

// Report is how a broker is.
type Report struct {
	Broker string    `json:"broker"`
	Time   time.Time `json:"time"`
	// Well says that no problem is an Error.
	Well bool `json:"well"`
	// Ready is the Broker object's condition: True, False or Unknown; "" without a cluster.
	Ready    string        `json:"ready,omitempty"`
	Overview *api.Overview `json:"overview,omitempty"`
	Users    *Applied      `json:"users,omitempty"` // of the cluster's objects
	ACLs     *Applied      `json:"acls,omitempty"`
	Pods     []Pod         `json:"pods,omitempty"`
	// Problems are the worst first.
	Problems []api.Problem `json:"problems"`
	Partial  []string      `json:"partial,omitempty"`
}

// Applied is how many objects there are, and how many of them every serving pod has loaded.
type Applied struct {
	Total   int `json:"total"`
	Applied int `json:"applied"`
}

// Pod is one of the Broker's.
type Pod struct {
	Name     string    `json:"name"`
	Phase    string    `json:"phase"` // what it does, also Terminating, or why its container waits
	Ready    bool      `json:"ready"`
	Restarts int32     `json:"restarts"`
	Node     string    `json:"node,omitempty"`
	Since    time.Time `json:"since"`
}

// Assess makes the report.
func Assess(f Facts) Report {
	r := Report{Broker: f.Name, Time: f.Now, Overview: f.Overview, Partial: f.Partial, Problems: []api.Problem{}}
	if f.Overview != nil {
		r.Problems = append(r.Problems, f.Overview.Problems...)
	}
	if f.Broker != nil {
		r.ofCluster(f)
	}
	if f.Unreachable != nil {
		r.add(Error, "Unreachable", "the admin API does not answer: "+f.Unreachable.Error(), unreachableRemedy(f))
	}
	r.order()
	return r
}

// ofCluster adds what the objects say.
func (r *Report) ofCluster(f Facts) {
	r.broker(f.Broker, f.Now)
	for i := range f.Pods {
		r.pod(&f.Pods[i])
	}
	r.Users, r.ACLs = &Applied{Total: len(f.Users)}, &Applied{Total: len(f.ACLs)}
	for i := range f.Users {
		u := &f.Users[i]
		r.applied(r.Users, "User "+u.Namespace+"/"+u.Name, u.Generation, u.Status.ObservedGeneration, u.Status.Conditions)
	}
	for i := range f.ACLs {
		a := &f.ACLs[i]
		r.applied(r.ACLs, "ACL "+a.Namespace+"/"+a.Name, a.Generation, a.Status.ObservedGeneration, a.Status.Conditions)
	}
}

func (r *Report) add(severity, reason, message, remedy string) {
	r.Problems = append(r.Problems, api.Problem{Severity: severity, Reason: reason, Message: message, Remedy: remedy})
}

// order puts errors first, and says whether there are any.
func (r *Report) order() {
	var errors, rest []api.Problem
	for _, p := range r.Problems {
		if p.Severity == Error {
			errors = append(errors, p)
		} else {
			rest = append(rest, p)
		}
	}
	r.Well = len(errors) == 0
	r.Problems = append(append([]api.Problem{}, errors...), rest...)
}
