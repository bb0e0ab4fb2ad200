package render

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// Username is the MQTT user name of u.
func Username(u *v1alpha1.User) string {
	if u.Spec.Username != "" {
		return u.Spec.Username
	}
	return u.Name
}

// ResolveUsers settles which of the Users of one Broker has each user name: the oldest, and of equally
// old ones the first by namespace and name. Suspended Users keep their name. Winners are ordered by
// user name; losers are told by whom. The pointers are into users.
func ResolveUsers(users []v1alpha1.User) (winners []*v1alpha1.User, losers map[types.NamespacedName]*v1alpha1.User) {
	byAge := make([]*v1alpha1.User, len(users))
	for i := range users {
		byAge[i] = &users[i]
	}
	slices.SortFunc(byAge, older)
	owner := make(map[string]*v1alpha1.User, len(users))
	losers = map[types.NamespacedName]*v1alpha1.User{}
	for _, u := range byAge {
		if first, taken := owner[Username(u)]; taken {
			losers[types.NamespacedName{Namespace: u.Namespace, Name: u.Name}] = first
			continue
		}
		owner[Username(u)] = u
		winners = append(winners, u)
	}
	slices.SortFunc(winners, func(a, b *v1alpha1.User) int { return cmp.Compare(Username(a), Username(b)) })
	return winners, losers
}

func older(a, b *v1alpha1.User) int {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
	)
}
