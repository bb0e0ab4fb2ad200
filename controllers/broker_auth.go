package controllers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/controllers/access"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// authPass is what one pass finds and does about the users and rules.
type authPass struct {
	scope *brokerScope
	memo  *authMemo
	// changed are the shards that are rendered.
	changed shardSet
	allowed *consent
	// shards are the Secrets of the bundle as the cache has them, not to be changed; nil where there is none.
	shards  [render.Shards]*corev1.Secret
	members [render.Shards][]member
	acls    [render.Shards][]config.ACL
	files   [render.Shards]map[string][]byte
}

// reconcileAuth writes the users and ACLs: shards first, the manifest that vouches for them last.
// A broker that sees the middle of it finds sums that don't match, and keeps what it has. Of the shards, those are read, rendered and
// compared that may not be as the pass before has left them.
func (r *BrokerReconciler) reconcileAuth(ctx context.Context, s *brokerScope) error {
	p, err := r.beginAuth(ctx, s)
	if err != nil {
		return err
	}
	// A fault with certificates does not keep the users and rules of today from the pods.
	trust := r.reconcileClientTrust(ctx, s, p.memo)
	if trust != nil && asFault(trust) == nil {
		return trust
	}
	if err := r.renderChanged(ctx, p); err != nil {
		return err
	}
	if err := r.writeAuth(ctx, p); err != nil {
		return err
	}
	r.auths.keep(keyOf(s.broker), p.memo)
	return trust
}

// beginAuth finds what has changed, and who may connect of that.
func (r *BrokerReconciler) beginAuth(ctx context.Context, s *brokerScope) (*authPass, error) {
	p := &authPass{scope: s, allowed: newConsent(r.Client, s.broker)}
	p.memo, p.changed = r.auths.take(s.broker, s.now)
	for shard := range render.Shards {
		secret, err := r.peek(ctx, s.broker.Namespace, children.AuthShardName(s.broker, shard))
		if err != nil {
			return nil, err
		}
		p.shards[shard] = secret
		if !p.memo.shards[shard].secret.is(secret) {
			p.changed.add(shard)
		}
		if !p.changed.has(shard) {
			continue
		}
		if err := r.readShard(ctx, p, shard); err != nil {
			return nil, err
		}
	}
	return p, r.followSelectors(ctx, p)
}

// readShard finds who and what is in a shard that has changed.
func (r *BrokerReconciler) readShard(ctx context.Context, p *authPass, shard int) (err error) {
	if p.members[shard], err = r.membersIn(ctx, p, shard); err != nil {
		return err
	}
	p.memo.hold(shard, holdersOf(p.scope.broker, p.members[shard]))
	p.acls[shard], err = r.aclsIn(ctx, p, shard)
	return err
}

// renderChanged renders what has changed, and names the revision that all of it is.
func (r *BrokerReconciler) renderChanged(ctx context.Context, p *authPass) error {
	begun, n := time.Now(), 0
	for shard := range render.Shards {
		if !p.changed.has(shard) {
			continue
		}
		files, err := render.AuthShard(shard, accountsOf(p.members[shard]), p.acls[shard], p.memo.selectors)
		if errors.Is(err, render.ErrTooLarge) {
			return &faultError{v1alpha1.ReasonBundleTooLarge, err.Error()}
		}
		if err != nil {
			return err
		}
		p.files[shard], p.memo.shards[shard].sums = files, nil
		if files != nil {
			p.memo.shards[shard].sums = render.Sums(files)
		}
		n++
	}
	r.metrics.rendered(begun, n)
	return nil
}

// writeAuth writes what was rendered, and deletes the Secrets of shards that have nothing in them any more.
func (r *BrokerReconciler) writeAuth(ctx context.Context, p *authPass) error {
	b := p.scope.broker
	for shard, files := range p.files {
		if files == nil {
			continue
		}
		var err error
		if p.memo.shards[shard].secret, err = r.applyNoting(ctx, b, children.AuthShard(b, shard, files)); err != nil {
			return err
		}
	}
	if err := r.writeManifest(ctx, p); err != nil {
		return err
	}
	for shard, secret := range p.shards {
		memo := &p.memo.shards[shard]
		if memo.sums != nil {
			continue
		}
		memo.secret = written{}
		if secret == nil {
			continue
		}
		if err := r.remove(ctx, b, secret.DeepCopy()); err != nil {
			return err
		}
	}
	return nil
}

// writeManifest writes the manifest, unless neither it nor what it vouches for has changed.
func (r *BrokerReconciler) writeManifest(ctx context.Context, p *authPass) error {
	b := p.scope.broker
	secret, err := r.peek(ctx, b.Namespace, children.AuthName(b))
	if err != nil {
		return err
	}
	issuer, err := r.issuerFile(ctx, p.scope)
	if err != nil {
		return err
	}
	if p.changed != 0 || secret == nil || !p.memo.manifest.is(secret) || !bytes.Equal(issuer, p.memo.issuer) {
		sums := p.memo.sums()
		if issuer != nil {
			sums[config.BundleIssuer] = render.Sum(issuer)
		}
		revision, manifest, err := render.AuthManifest(sums)
		if err != nil {
			return err
		}
		if p.memo.manifest, err = r.applyNoting(ctx, b, children.Auth(b, manifest, issuer)); err != nil {
			return err
		}
		p.memo.revision, p.memo.issuer = revision, issuer
	}
	p.scope.authRevision = p.memo.revision
	return nil
}

// member is a User that may connect, and its connection Secret. Both are the cache's, not to be changed.
type member struct {
	user   *v1alpha1.User
	secret *corev1.Secret
}

// accountsOf are the members that a password file can hold.
func accountsOf(members []member) []render.Account {
	accounts := make([]render.Account, 0, len(members))
	for _, m := range members {
		if account := accountOf(m.user, m.secret); checkAccount(account) == nil {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

// membersIn are the Users of a shard that may connect: allowed here, first to claim their name, not suspended, and
// with a connection Secret.
func (r *BrokerReconciler) membersIn(ctx context.Context, p *authPass, shard int) ([]member, error) {
	users, err := r.usersIn(ctx, p, shard)
	if err != nil {
		return nil, err
	}
	winners, _ := render.ResolveUsers(users)
	members := make([]member, 0, len(winners))
	for _, u := range winners {
		if u.Spec.Suspended {
			continue
		}
		secret, err := r.peek(ctx, u.Namespace, connectionSecretName(u))
		if err != nil {
			return nil, err
		}
		if secret == nil || !metav1.IsControlledBy(secret, u) {
			continue // the User's own pass makes it, and this one follows
		}
		members = append(members, member{u, secret})
	}
	return members, nil
}

// usersIn are the Users of a shard that name the Broker and may: those being deleted may not. All who claim a name are of one shard.
func (r *BrokerReconciler) usersIn(ctx context.Context, p *authPass, shard int) ([]v1alpha1.User, error) {
	key := keyOf(p.scope.broker)
	var list v1alpha1.UserList
	err := r.List(ctx, &list, client.MatchingFields{indexShard: shardKey(key, shard)}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list Users of Broker %s: %w", key, err)
	}
	users := make([]v1alpha1.User, 0, len(list.Items))
	for i := range list.Items {
		u := &list.Items[i]
		ok, err := p.allowed.of(ctx, u.Namespace)
		if err != nil {
			return nil, err
		}
		if ok && u.DeletionTimestamp == nil {
			users = append(users, *u)
		}
	}
	return users, nil
}

// accountOf is the User as the broker shall know it.
func accountOf(u *v1alpha1.User, connection *corev1.Secret) render.Account {
	return render.Account{
		Username:     render.Username(u),
		PasswordHash: string(connection.Data[keyPasswordHash]),
		ScramKeys:    scramKeysIn(connection),
		Groups:       u.Spec.Groups,
		Labels:       u.Labels,
		Limits:       u.Spec.Limits,
		Certified:    u.Spec.Authentication.Password.Disabled,
		Previous:     previousIn(connection),
	}
}

// previousIn are the lines of the password of before that a connection Secret has. When they end is for the User's
// pass to say.
func previousIn(connection *corev1.Secret) []string {
	data := connection.Data[keyRotation]
	if len(data) == 0 {
		return nil
	}
	return render.ParseRotation(data).Previous
}

// checkAccount says whether a password file can hold the account, so that one User can't spoil the
// file for all.
func checkAccount(a render.Account) error {
	if strings.ContainsFunc(a.Username, unicode.IsControl) {
		return fmt.Errorf("user name %q has a control character", a.Username)
	}
	if strings.HasPrefix(a.Username, "#") {
		return fmt.Errorf("user name %q begins with '#', as a comment in a password file does", a.Username)
	}
	for _, keys := range slices.Concat(a.ScramKeys, a.Previous) {
		if err := password.Check(keys); err != nil {
			return err
		}
	}
	if a.PasswordHash == "" && a.Certified {
		return nil
	}
	return password.Check(a.PasswordHash)
}

// aclsIn are the ACLs of a shard that name the Broker and may. Of one whose rules are not valid any more, the
// last valid state stays: leaving it out could open what it denies.
func (r *BrokerReconciler) aclsIn(ctx context.Context, p *authPass, shard int) ([]config.ACL, error) {
	key := keyOf(p.scope.broker)
	var list v1alpha1.ACLList
	err := r.List(ctx, &list, client.MatchingFields{indexShard: shardKey(key, shard)}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list ACLs of Broker %s: %w", key, err)
	}
	acls := make([]config.ACL, 0, len(list.Items))
	for i := range list.Items {
		a := &list.Items[i]
		ok, err := p.allowed.of(ctx, a.Namespace)
		if err != nil {
			return nil, err
		}
		if !ok || a.DeletionTimestamp != nil {
			continue
		}
		acl := render.ACL(a)
		if render.ValidateACL(a) != nil || access.Test(a) != nil {
			last := lastValid(p.shards[shard], acl.Name)
			if last == nil {
				continue
			}
			acl = *last
		}
		acls = append(acls, acl)
	}
	return acls, nil
}

// lastValid is the ACL of that name in its shard of the bundle as it is; nil if there is none.
func lastValid(shard *corev1.Secret, name string) *config.ACL {
	if shard == nil {
		return nil
	}
	var set config.ACLSet
	if json.Unmarshal(shard.Data[fmt.Sprintf(config.BundleACLsFmt, render.Shard(name))], &set) != nil {
		return nil
	}
	for i := range set.ACLs {
		if set.ACLs[i].Name == name {
			return &set.ACLs[i]
		}
	}
	return nil
}
