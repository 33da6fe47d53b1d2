-- A database at revision 0001, as PostgreSQL 15 dumped it. README.md says how it was made. The roles are the cluster's.
DO $$
DECLARE
    version CONSTANT integer := current_setting('server_version_num')::integer;
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['anon', 'authenticated', 'service_role'] LOOP
        IF to_regrole(name) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', name) || CASE name WHEN 'service_role' THEN ' BYPASSRLS' ELSE '' END;
        END IF;
        IF NOT pg_has_role(current_user, name, CASE WHEN version >= 160000 THEN 'set' ELSE 'member' END) THEN
            EXECUTE format('GRANT %I TO %I', name, current_user)
                || CASE WHEN version >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
        END IF;
    END LOOP;
END $$;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET row_security = off;

CREATE SCHEMA auth;

CREATE SCHEMA gjobs;

CREATE FUNCTION auth.jwt() RETURNS jsonb
    LANGUAGE sql STABLE
    RETURN (COALESCE(NULLIF(current_setting('request.jwt.claim'::text, true), ''::text), NULLIF(current_setting('request.jwt.claims'::text, true), ''::text)))::jsonb;

CREATE FUNCTION auth.role() RETURNS text
    LANGUAGE sql STABLE
    RETURN COALESCE(NULLIF(current_setting('request.jwt.claim.role'::text, true), ''::text), ((NULLIF(current_setting('request.jwt.claims'::text, true), ''::text))::jsonb ->> 'role'::text));

CREATE FUNCTION auth.uid() RETURNS uuid
    LANGUAGE sql STABLE
    RETURN (COALESCE(NULLIF(current_setting('request.jwt.claim.sub'::text, true), ''::text), ((NULLIF(current_setting('request.jwt.claims'::text, true), ''::text))::jsonb ->> 'sub'::text)))::uuid;

CREATE FUNCTION public.get_job_statistics(p_user_id uuid DEFAULT NULL::uuid) RETURNS TABLE(status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
begin
    return query
        select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
          from generation_jobs j where j.user_id = coalesce(p_user_id, auth.uid())
         group by j.status order by j.status;
end $$;

CREATE FUNCTION public.get_recent_jobs(p_limit integer DEFAULT 10) RETURNS TABLE(id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
begin
    return query
        select j.id, j.project_id, j.status, j.mode, j.cost_cents, j.created_at
          from generation_jobs j where j.user_id = auth.uid() order by j.created_at desc limit p_limit;
end $$;

CREATE FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text DEFAULT NULL::text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
declare present text;
begin
    select j.status into present from generation_jobs j where j.id = p_job_id and j.user_id = auth.uid();
    if present is null or present in ('succeeded', 'failed') then
        return false;
    end if;
    update generation_jobs j set status = p_new_status, error = p_error, updated_at = now()
     where j.id = p_job_id and j.user_id = auth.uid();
    return true;
end $$;

CREATE FUNCTION public.update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin new.updated_at := now(); return new; end $$;

CREATE TABLE auth.users (
    id uuid NOT NULL,
    email text,
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE gjobs.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE gjobs.made_tables (
    name text NOT NULL
);

CREATE TABLE public.assets (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    project_id uuid NOT NULL,
    kind text NOT NULL,
    mode text NOT NULL,
    source_asset_id uuid,
    prompt_version text NOT NULL,
    prompt_payload jsonb NOT NULL,
    width integer,
    height integer,
    mime_type text,
    storage_path text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT assets_kind_check CHECK ((kind = ANY (ARRAY['input'::text, 'output'::text]))),
    CONSTRAINT assets_mode_check CHECK ((mode = ANY (ARRAY['main_white'::text, 'lifestyle'::text, 'feature_callout'::text, 'packaging'::text])))
);

CREATE TABLE public.generation_jobs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    project_id uuid NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    mode text NOT NULL,
    input_asset_id uuid,
    error text,
    cost_cents integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT generation_jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text])))
);

CREATE VIEW public.generation_job_summary AS
 SELECT generation_jobs.user_id,
    generation_jobs.project_id,
    generation_jobs.status,
    count(*) AS job_count,
    sum(generation_jobs.cost_cents) AS total_cost_cents,
    avg(generation_jobs.cost_cents) AS avg_cost_cents,
    min(generation_jobs.created_at) AS first_job_at,
    max(generation_jobs.created_at) AS last_job_at
   FROM public.generation_jobs
  GROUP BY generation_jobs.user_id, generation_jobs.project_id, generation_jobs.status;

CREATE TABLE public.projects (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

INSERT INTO auth.users VALUES
	('00000000-0000-0000-0000-0000000000a0', 'ada@example.com', '2026-01-04 12:00:00+00'),
	('00000000-0000-0000-0000-0000000000b0', 'ben@example.com', '2026-01-04 12:00:00+00');

INSERT INTO gjobs.alembic_version VALUES
	('0001');

INSERT INTO gjobs.made_tables VALUES
	('public.projects'),
	('public.assets'),
	('public.generation_jobs');

INSERT INTO public.assets VALUES
	('00000000-0000-0000-0000-0000000000a2', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'input', 'lifestyle', NULL, '1', '{}', NULL, NULL, NULL, 'shoe.png', '2026-11-27 11:02:12.737878+00', '2026-11-27 11:02:12.737878+00');

INSERT INTO public.generation_jobs VALUES
	('00000000-0000-0000-0000-000000000a10', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'lifestyle', '00000000-0000-0000-0000-0000000000a2', NULL, 200, '2026-01-04 16:00:00+00', '2026-11-27 11:02:12.739573+00'),
	('00000000-0000-0000-0000-000000000b10', '00000000-0000-0000-0000-0000000000b0', '00000000-0000-0000-0000-0000000000b1', 'queued', 'lifestyle', NULL, NULL, 100, '2026-01-04 18:00:00+00', '2026-11-27 11:02:12.739573+00'),
	('00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'packaging', NULL, NULL, 50, '2026-01-04 12:00:00+00', '2026-11-27 11:02:12.741529+00'),
	('00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'succeeded', 'main_white', NULL, NULL, 255, '2026-01-04 14:00:00+00', '2026-11-27 11:02:12.746737+00'),
	('00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'feature_callout', NULL, 'API timeout', 18, '2026-01-04 13:00:00+00', '2026-11-27 11:02:12.747161+00'),
	('00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'lifestyle', NULL, 'API timeout', 30, '2026-01-04 17:00:00+00', '2026-11-27 11:02:12.747161+00');

INSERT INTO public.projects VALUES
	('00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-0000000000a0', 'Autumn catalog', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00'),
	('00000000-0000-0000-0000-0000000000b1', '00000000-0000-0000-0000-0000000000b0', 'Spring lookbook', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00');

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY gjobs.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY gjobs.made_tables
    ADD CONSTRAINT made_tables_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);

CREATE INDEX idx_assets_created_at ON public.assets USING btree (created_at DESC);

CREATE INDEX idx_assets_kind ON public.assets USING btree (kind);

CREATE INDEX idx_assets_mode ON public.assets USING btree (mode);

CREATE INDEX idx_assets_project_id ON public.assets USING btree (project_id);

CREATE INDEX idx_assets_prompt_payload ON public.assets USING gin (prompt_payload);

CREATE INDEX idx_assets_source_asset_id ON public.assets USING btree (source_asset_id);

CREATE INDEX idx_assets_user_id ON public.assets USING btree (user_id);

CREATE INDEX idx_generation_jobs_created_at ON public.generation_jobs USING btree (created_at DESC);

CREATE INDEX idx_generation_jobs_input_asset_id ON public.generation_jobs USING btree (input_asset_id);

CREATE INDEX idx_generation_jobs_project_id ON public.generation_jobs USING btree (project_id);

CREATE INDEX idx_generation_jobs_status ON public.generation_jobs USING btree (status);

CREATE INDEX idx_generation_jobs_user_id ON public.generation_jobs USING btree (user_id);

CREATE INDEX idx_generation_jobs_user_status ON public.generation_jobs USING btree (user_id, status);

CREATE INDEX idx_projects_created_at ON public.projects USING btree (created_at DESC);

CREATE INDEX idx_projects_user_id ON public.projects USING btree (user_id);

CREATE TRIGGER update_assets_updated_at BEFORE UPDATE ON public.assets FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_generation_jobs_updated_at BEFORE UPDATE ON public.generation_jobs FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_projects_updated_at BEFORE UPDATE ON public.projects FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_source_asset_id_fkey FOREIGN KEY (source_asset_id) REFERENCES public.assets(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_input_asset_id_fkey FOREIGN KEY (input_asset_id) REFERENCES public.assets(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.alembic_version ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.made_tables ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Users can delete own assets" ON public.assets FOR DELETE USING ((auth.uid() = user_id));

CREATE POLICY "Users can delete own generation jobs" ON public.generation_jobs FOR DELETE USING ((auth.uid() = user_id));

CREATE POLICY "Users can delete own projects" ON public.projects FOR DELETE USING ((auth.uid() = user_id));

CREATE POLICY "Users can insert own assets" ON public.assets FOR INSERT WITH CHECK ((auth.uid() = user_id));

CREATE POLICY "Users can insert own generation jobs" ON public.generation_jobs FOR INSERT WITH CHECK ((auth.uid() = user_id));

CREATE POLICY "Users can insert own projects" ON public.projects FOR INSERT WITH CHECK ((auth.uid() = user_id));

CREATE POLICY "Users can update own assets" ON public.assets FOR UPDATE USING ((auth.uid() = user_id)) WITH CHECK ((auth.uid() = user_id));

CREATE POLICY "Users can update own generation jobs" ON public.generation_jobs FOR UPDATE USING ((auth.uid() = user_id)) WITH CHECK ((auth.uid() = user_id));

CREATE POLICY "Users can update own projects" ON public.projects FOR UPDATE USING ((auth.uid() = user_id)) WITH CHECK ((auth.uid() = user_id));

CREATE POLICY "Users can view own assets" ON public.assets FOR SELECT USING ((auth.uid() = user_id));

CREATE POLICY "Users can view own generation jobs" ON public.generation_jobs FOR SELECT USING ((auth.uid() = user_id));

CREATE POLICY "Users can view own projects" ON public.projects FOR SELECT USING ((auth.uid() = user_id));

ALTER TABLE public.assets ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.generation_jobs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.projects ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA auth TO anon;
GRANT USAGE ON SCHEMA auth TO authenticated;
GRANT USAGE ON SCHEMA auth TO service_role;

GRANT ALL ON FUNCTION public.get_job_statistics(p_user_id uuid) TO anon;
GRANT ALL ON FUNCTION public.get_job_statistics(p_user_id uuid) TO authenticated;
GRANT ALL ON FUNCTION public.get_job_statistics(p_user_id uuid) TO service_role;

GRANT ALL ON FUNCTION public.get_recent_jobs(p_limit integer) TO anon;
GRANT ALL ON FUNCTION public.get_recent_jobs(p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.get_recent_jobs(p_limit integer) TO service_role;

GRANT ALL ON FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text) TO anon;
GRANT ALL ON FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text) TO authenticated;
GRANT ALL ON FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text) TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assets TO anon;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assets TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assets TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.generation_jobs TO anon;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.generation_jobs TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.generation_jobs TO service_role;

GRANT SELECT ON TABLE public.generation_job_summary TO anon;
GRANT SELECT ON TABLE public.generation_job_summary TO authenticated;
GRANT SELECT ON TABLE public.generation_job_summary TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.projects TO anon;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.projects TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.projects TO service_role;
