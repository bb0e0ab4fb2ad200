package main

import (
	"fmt"
	"strings"
)

// limits says in words what the API server refuses in one field; items of a list included.
func limits(s schema) []string {
	var out []string
	out = append(out, choices(s)...)
	if text := bounds(s.Minimum, s.Maximum); text != "" {
		out = append(out, text+".")
	}
	if text := sizes(s.MinItems, s.MaxItems, "item"); text != "" {
		out = append(out, text+".")
	}
	if text := sizes(s.MinLength, s.MaxLength, "character"); text != "" {
		out = append(out, text+".")
	}
	if s.Pattern != "" && !s.XIntOrString {
		out = append(out, "Matches `"+strings.ReplaceAll(s.Pattern, "|", `\|`)+"`.")
	}
	for _, rule := range s.XValidations {
		out = append(out, "Rule: "+cell(rule.Message)+".")
	}
	if s.Items == nil || s.Items.Schema == nil {
		return out
	}
	if of := limits(*s.Items.Schema); len(of) > 0 {
		out = append(out, "Each: "+lowerFirst(strings.Join(of, " ")))
	}
	return out
}

// choices lists the values of an enum.
func choices(s schema) []string {
	if len(s.Enum) == 0 {
		return nil
	}
	names := make([]string, len(s.Enum))
	for i, value := range s.Enum {
		names[i] = "`" + strings.Trim(string(value.Raw), `"`) + "`"
	}
	return []string{"One of " + strings.Join(names, ", ") + "."}
}

// bounds says between what a number has to be.
func bounds(low, high *float64) string {
	switch {
	case low != nil && high != nil:
		return fmt.Sprintf("%.0f to %.0f", *low, *high)
	case low != nil:
		return fmt.Sprintf("At least %.0f", *low)
	case high != nil:
		return fmt.Sprintf("At most %.0f", *high)
	}
	return ""
}

// sizes says how many of something there may be.
func sizes(low, high *int64, noun string) string {
	plural := func(n int64) string {
		if n == 1 {
			return fmt.Sprintf("%d %s", n, noun)
		}
		return fmt.Sprintf("%d %ss", n, noun)
	}
	switch {
	case low != nil && *low > 0 && high != nil:
		return fmt.Sprintf("%d to %s", *low, plural(*high))
	case low != nil && *low > 0:
		return "At least " + plural(*low)
	case high != nil:
		return "At most " + plural(*high)
	}
	return ""
}

// lowerFirst joins a sentence to what stands before it.
func lowerFirst(s string) string {
	if s == "" || s[0] == '`' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
