// Command dashboard prints the Grafana dashboard, config/monitoring/dashboard.json, from the table in panels.go.
// `make generate` runs it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(dashboard()); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// What Grafana's schema calls the same.
type object = map[string]any

// The grid is 24 wide.
const (
	panelsInRow = 3
	panelWidth  = 24 / panelsInRow
	panelHeight = 7
)

var datasource = object{"type": "prometheus", "uid": "${datasource}"}

func dashboard() object {
	var panels []object
	y, id := 0, 0
	for _, r := range rows {
		id++
		panels = append(panels, object{
			"id": id, "type": "row", "title": r.title, "collapsed": false, "panels": []any{},
			"gridPos": object{"x": 0, "y": y, "w": 24, "h": 1},
		})
		y++
		for i, p := range r.panels {
			id++
			x := i % panelsInRow * panelWidth
			if i > 0 && x == 0 {
				y += panelHeight
			}
			panels = append(panels, p.render(id, object{"x": x, "y": y, "w": panelWidth, "h": panelHeight}))
		}
		y += panelHeight
	}
	return object{
		"title": "Dunlin MQTT", "uid": "dunlin-mqtt", "tags": []string{"mqtt", "dunlin"}, "schemaVersion": 39, "version": 1,
		"editable": true, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
		"time":   object{"from": "now-3h", "to": "now"},
		"panels": panels,
		"templating": object{"list": []object{
			{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
			{
				"name": "instance", "type": "query", "label": "Broker", "datasource": datasource, "multi": true, "includeAll": true,
				"allValue": ".*", "refresh": 2, "sort": 1, "current": object{"text": "All", "value": "$__all"},
				"query": object{"query": "label_values(dunlin_build_info, instance)", "refId": "instances"},
			},
		}},
	}
}

func (p panel) render(id int, at object) object {
	var targets []object
	for i, q := range p.queries {
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": datasource, "expr": q.expr, "legendFormat": q.legend,
		})
	}
	kind := "timeseries"
	options := object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	if p.stat {
		kind, options = "stat", object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "graphMode": "area"}
	}
	defaults := object{"unit": p.unit, "min": 0}
	if !p.stat {
		defaults["custom"] = object{"fillOpacity": 8, "lineWidth": 1, "showPoints": "never"}
	}
	if p.thresholds != nil {
		defaults["thresholds"] = object{"mode": "absolute", "steps": p.thresholds}
	}
	return object{
		"id": id, "type": kind, "title": p.title, "description": p.description, "datasource": datasource,
		"gridPos": at, "targets": targets, "options": options, "fieldConfig": object{"defaults": defaults, "overrides": []any{}},
	}
}
