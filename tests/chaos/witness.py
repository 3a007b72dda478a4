"""What really happened at the phones, written down by the database itself and not by the service.

A dial of a simulated phone is logged each time, and the simulator's own guard is taken away: what the service dials
twice rings twice and is counted twice.
"""

from __future__ import annotations

WITNESS = """
CREATE TABLE witness_ring (leg text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE witness_play (leg text NOT NULL, number int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE witness_verdict (leg text NOT NULL, verdict text NOT NULL, at timestamptz NOT NULL);

CREATE FUNCTION witness_leg() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.dialled_at IS NOT NULL THEN
        INSERT INTO witness_ring (leg) VALUES (NEW.id);
        -- The simulator dials only a leg that was not dialled before; this one never was.
        NEW.dialled_at := NULL;
    END IF;
    IF NEW.sounds <> OLD.sounds THEN
        INSERT INTO witness_play (leg, number) VALUES (NEW.id, NEW.sounds);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE UPDATE ON telephony_simulatedleg FOR EACH ROW EXECUTE FUNCTION witness_leg();

CREATE FUNCTION witness_happening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness_verdict (leg, verdict, at) VALUES (NEW.leg, NEW.data::jsonb ->> 'verdict', NEW.at);
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT ON telephony_simulatedhappening
    FOR EACH ROW WHEN (NEW.kind = 'Progress') EXECUTE FUNCTION witness_happening();
"""
