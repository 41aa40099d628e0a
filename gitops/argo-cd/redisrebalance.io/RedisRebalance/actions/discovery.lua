-- Which actions can be taken on a RedisRebalance now.
local actions = {}
local final = { Succeeded = true, Refused = true, PlanStale = true, Failed = true, Cancelled = true, RolledBack = true }
local state = obj.status ~= nil and obj.status.state or nil
local execution = obj.spec.execution or "Run"
local moved = obj.status ~= nil and obj.status.executionStarted ~= nil
local back = execution == "RollBack" or state == "RollingBack" or state == "RolledBack"
local over = state ~= nil and final[state] == true
local hash = obj.status ~= nil and obj.status.plan ~= nil and obj.status.plan.hash or nil

actions["approve"] = { disabled = hash == nil or state ~= "AwaitingApproval" }
actions["pause"] = { disabled = over or execution ~= "Run" }
actions["resume"] = { disabled = over or execution ~= "Paused" }
actions["cancel"] = { disabled = over or execution == "Cancelled" }
actions["rollback"] = { disabled = not moved or back or state == "Cancelled" }
return actions
