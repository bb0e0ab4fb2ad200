package controllers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// writeLog notes every write of the operator's client.
type writeLog struct {
	mu  sync.Mutex
	all []string
}

func (w *writeLog) add(verb, namespace, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, fmt.Sprintf("%s %s/%s", verb, namespace, name))
}

// in are the writes to a namespace since the log began.
func (w *writeLog) in(namespace string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, line := range w.all {
		if strings.Contains(line, " "+namespace+"/") {
			out = append(out, line)
		}
	}
	return out
}

// client is the operator's client, which tells the log of what it writes.
func (w *writeLog) client(config *rest.Config, o client.Options) (client.Client, error) {
	c, err := client.NewWithWatch(config, o)
	if err != nil {
		return nil, err
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			w.add(fmt.Sprintf("create %T", o), o.GetNamespace(), o.GetName())
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			w.add(fmt.Sprintf("update %T", o), o.GetNamespace(), o.GetName())
			return c.Update(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			w.add(fmt.Sprintf("delete %T", o), o.GetNamespace(), o.GetName())
			return c.Delete(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			w.add(fmt.Sprintf("patch %T", o), o.GetNamespace(), o.GetName())
			return c.Patch(ctx, o, p, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			u := o.(interface {
				GetKind() string
				GetNamespace() string
				GetName() string
			})
			w.add("apply "+u.GetKind(), u.GetNamespace(), u.GetName())
			return c.Apply(ctx, o, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			w.add(fmt.Sprintf("patch %s of %T", sub, o), o.GetNamespace(), o.GetName())
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}), nil
}

// fakeBrokers answer as broker pods do: with the revisions on the pod, as soon as it is there,
// unless they are held or silent.
type fakeBrokers struct {
	mu     sync.Mutex
	held   map[string]string // namespace -> the revision that is answered
	silent map[string]bool
	// heldConfig is held for the configuration.
	heldConfig map[string]string
	// excuse is why the pods of a namespace say that they do not serve.
	excuse map[string]string
}

func (f *fakeBrokers) Loaded(_ context.Context, pod *corev1.Pod, config *tls.Config) (Loaded, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if config == nil || len(config.Certificates) != 1 || config.ServerName != "dunlin-admin" {
		return Loaded{}, errors.New("the operator brought no client certificate")
	}
	if f.silent[pod.Namespace] {
		return Loaded{}, errors.New("connection refused")
	}
	has := Loaded{
		AuthRevision:   pod.Annotations[v1alpha1.AnnotationAuthRevision],
		ClientTrust:    pod.Annotations[v1alpha1.AnnotationClientTrust],
		ConfigRevision: pod.Annotations[v1alpha1.AnnotationConfigRevision],
	}
	if held, ok := f.held[pod.Namespace]; ok {
		has.AuthRevision, has.ClientTrust = held, ""
	}
	if held, ok := f.heldConfig[pod.Namespace]; ok {
		has.ConfigRevision = held
	}
	has.NotReady = f.excuse[pod.Namespace]
	return has, nil
}

// hold keeps the pods of a namespace at the given revision.
func (f *fakeBrokers) hold(namespace, revision string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held == nil {
		f.held = map[string]string{}
	}
	f.held[namespace] = revision
}

// holdConfig keeps the pods of a namespace at another configuration than theirs.
func (f *fakeBrokers) holdConfig(namespace string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.heldConfig == nil {
		f.heldConfig = map[string]string{}
	}
	f.heldConfig[namespace] = "old"
}

// excuseWith has the pods of a namespace say why they do not serve; "": nothing.
func (f *fakeBrokers) excuseWith(namespace, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.excuse == nil {
		f.excuse = map[string]string{}
	}
	f.excuse[namespace] = why
}

// release lets the pods of a namespace load what they are given.
func (f *fakeBrokers) release(namespace string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.held, namespace)
	delete(f.silent, namespace)
	delete(f.heldConfig, namespace)
}
